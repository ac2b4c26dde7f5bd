# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was spent, as a picture and for other programs.

No postponed annotations here: Blender reads those of the operators as properties.
"""

from pathlib import Path

import bpy
from bpy.props import IntProperty, StringProperty

from .. import library
from ..blender import images
from ..blender.host import host
from ..core.errors import GptImageError, InputError
from .files import FileOperator
from .report import report

__all__ = ("export_spending", "spending")

CHART = "GPT Image Spending"


def export_spending(data_dir: Path, path: Path) -> int:
    """Write what was spent as a CSV file, and give the number of rows. Raises InputError where that fails."""
    try:
        return library.wallet.Wallet(data_dir).export_csv(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}", field="filepath", hint="Choose another place") from error
    except library.wallet.WalletError as error:
        raise _unreadable(error) from error


def spending(data_dir: Path) -> dict[str, object]:
    """What counts today and this month, in USD, practice apart. Raises InputError."""
    try:
        found = library.wallet.Wallet(data_dir).spending()
    except library.wallet.WalletError as error:
        raise _unreadable(error) from error
    return {"day_usd": round(found.day_usd, 6), "month_usd": round(found.month_usd, 6)}


def _unreadable(error: Exception) -> InputError:
    return InputError(f"The record of what was spent cannot be read: {error}", field="data_dir",
                      hint="Press Restart Helper: it makes a damaged one anew")


class GPTIMAGE_OT_export_spending(FileOperator, bpy.types.Operator):
    bl_idname = "gptimage.export_spending"
    bl_label = "Export Spending"
    bl_description = "Write every request with its tokens and its price into a table (CSV)"

    file_name = "gptimage_spending.csv"
    filter_glob: StringProperty(name="Kind of File", description="Which files are listed", default="*.csv", options={'HIDDEN'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            rows = export_spending(host.journal.data_dir, self.path)
        except GptImageError as error:
            return report(self, error)
        self.report({'INFO'}, f"{rows} requests written to {self.path.name}")
        return {'FINISHED'}


class GPTIMAGE_OT_show_spending(bpy.types.Operator):
    bl_idname = "gptimage.show_spending"
    bl_label = "Show Spending"
    bl_description = "Draw what was spent day by day, and show it in the Image Editor"

    days: IntProperty(name="Days", description="How many days, up to today", default=30, min=1, max=366)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            host.draw_chart(self.days)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


def _show_chart(path: Path) -> None:
    """A new picture in the place of the last one, so that the editors that show it show this."""
    image = images.adopt_picture(path, CHART)
    images.set_provenance(image, {"chart": True})
    for old in [each for each in bpy.data.images if each != image and "chart" in images.provenance(each)]:
        old.user_remap(image)
        bpy.data.images.remove(old)
    image.name = CHART
    images.show_in_editor(image)
    if not bpy.app.background:                  # how large the editor is it knows when it has drawn once
        bpy.app.timers.register(_fit_chart, first_interval=0.1)


def _fit_chart() -> None:
    """All of the chart in the Image Editors that show it."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == 'IMAGE_EDITOR' and area.spaces.active.image and area.spaces.active.image.name == CHART:
                region = next(each for each in area.regions if each.type == 'WINDOW')
                with bpy.context.temp_override(window=window, area=area, region=region):
                    bpy.ops.image.view_all(fit_view=True)


classes = (GPTIMAGE_OT_export_spending, GPTIMAGE_OT_show_spending)


def register() -> None:
    host.show_chart = _show_chart
    host.budget.watch()


def unregister() -> None:
    host.show_chart = None
    host.budget.unwatch()
