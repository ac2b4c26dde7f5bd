# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history as this Blender session sees it: one page of entries, asked of the worker, with the thumbnails of that page alone.

The panels draw what is here. A timer looks whether the artist's search is still that of the page; it runs from the first
search on. In background mode there is none, and a script searches by the operator.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import bpy

from .. import core
from ..core.errors import GptImageError, error_from_dict

__all__ = ("Gallery",)

TICK_S = 0.3


class Gallery:
    """`say` sends a message to the worker that it answers, `listen` reads what it said by itself. `wanted` gives the search as it is set."""

    def __init__(self, say: Callable[[core.protocol.Message], None], listen: Callable[[], None], data_dir: Callable[[], Path]) -> None:
        self._say = say
        self._listen = listen
        self._data_dir = data_dir
        self.wanted: Callable[[], core.entries.Query] | None = None
        self.page: core.entries.Page | None = None
        self.space: core.protocol.Measured | None = None
        self.told = ""
        self.error: GptImageError | None = None
        self._asked: core.entries.Query | None = None
        self._seen: core.entries.Query | None = None
        self._old = False                       # what is shown
        self._popup: tuple[bpy.types.Operator, bpy.types.Region] | None = None
        self._previews: bpy.utils.previews.ImagePreviewCollection | None = None

    # --- asking -------------------------------------------------------------------------------------------

    def search(self, query: core.entries.Query) -> None:
        """Ask for a page; it is shown when it comes. Raises GptImageError if the worker cannot be started."""
        if query != self._asked:
            self.told = ""
        self._asked, self._seen, self._old = query, query, False
        self._say(core.protocol.Search(query))
        if not bpy.app.background and not bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.register(self._tick, first_interval=TICK_S, persistent=True)

    def ask(self, message: core.protocol.Message) -> None:
        """Have something done with entries, or measured."""
        self.told, self.error, self.space = "", None, None
        self._say(message)

    def _tick(self) -> float:
        query = self.wanted() if self.wanted else None
        if query is not None and (self._old or query != self._asked) and query == self._seen:
            try:
                self.search(query)
            except GptImageError as error:
                self.error = error
        self._seen = query                      # a search begins when the typing pauses
        self._listen()
        return TICK_S

    # --- hearing ------------------------------------------------------------------------------------------

    def hear(self, message: core.protocol.Message) -> None:
        match message:
            case core.protocol.HistoryChanged() | core.protocol.Ready():
                self._old = self._asked is not None
            case core.protocol.Found(page, error):
                if page.query == self._asked:   # not an answer that was overtaken by another question
                    self.error = error_from_dict(error) if error else None
                    self._show(page)
            case core.protocol.Measured(_, error=error):
                self.space, self.error = message, error_from_dict(error) if error else None
            case core.protocol.HistoryDone(told, error):
                self.told, self.error = told, error_from_dict(error) if error else None
        self._refresh_popup()

    def follow(self, operator: bpy.types.Operator, region: bpy.types.Region | None) -> None:
        """Draw the popup of an operator again when there is something new. Told each time it is drawn."""
        self._popup = (operator, region) if region else None

    def _refresh_popup(self) -> None:
        if self._popup is None:
            return
        operator, region = self._popup
        try:
            operator.bl_rna                     # ends with the popup, and its region with it
        except ReferenceError:
            self._popup = None
        else:
            region.tag_refresh_ui()

    def _show(self, page: core.entries.Page) -> None:
        import bpy.utils.previews as previews           # a module that is not there unless asked for

        shown = {entry.thumbnail for entry in page.entries if entry.thumbnail}
        if self.page is None or shown != {entry.thumbnail for entry in self.page.entries if entry.thumbnail}:
            self._forget_previews()
            self._previews = previews.new()
            for name in shown:
                # Only noted: Blender reads the file in a thread of its own when the picture is first drawn.
                self._previews.load(name, os.path.join(self._data_dir(), name), 'IMAGE')
        self.page = page

    def entry(self, name: str) -> core.entries.Entry | None:
        """The entry of the page that is shown."""
        return next((entry for entry in self.page.entries if entry.id == name), None) if self.page else None

    def icon(self, entry: core.entries.Entry) -> int:
        """The thumbnail as an icon's number; 0 where there is none. Cheap; a panel may call it."""
        preview = self._previews.get(entry.thumbnail) if self._previews is not None else None
        return preview.icon_id if preview else 0

    def close(self) -> None:
        """Forget the page and its thumbnails."""
        if bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.unregister(self._tick)
        self._forget_previews()
        self._popup = None
        self.page = self.space = self.error = self._asked = self._seen = None
        self.told, self._old = "", False

    def _forget_previews(self) -> None:
        if self._previews is not None:
            import bpy.utils.previews as previews

            previews.remove(self._previews)
            self._previews = None
