# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from ..late import late_modules

__getattr__ = late_modules(__name__, "entries", "framing", "presets", "protocol", "queue", "templates")
