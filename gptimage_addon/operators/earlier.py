# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests with pictures that were answered before: they are compared when the button is pressed, not while drawing."""

from __future__ import annotations

import bpy

from .. import blender
from ..blender.host import host
from ..core.errors import GptImageError
from .plan import PlannedJob
from .report import report

__all__ = ("OffersEarlier",)


class OffersEarlier:
    """An operator that `plan`s one job and submits it, or takes an `earlier` result. Pressed as a button, it asks which."""

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return "Use what the same request has made before. Nothing is sent or paid" if properties.earlier else cls.bl_description

    def plan(self, context: bpy.types.Context) -> PlannedJob:
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            planned = self.plan(context)
        except GptImageError as error:
            return report(self, error)
        if not self.earlier and planned.job.request.is_edit and _has_earlier(planned):
            self.offer(context)
            return {'CANCELLED'}
        return self.submit(planned)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            planned = self.plan(context)
        except GptImageError as error:
            return report(self, error)
        return self.submit(planned)

    def submit(self, planned: PlannedJob) -> set[str]:
        try:
            (host.use_earlier if self.earlier else host.submit)(planned.job, planned.inputs)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}

    def offer(self, context: bpy.types.Context) -> None:
        context.window_manager.popup_menu(self.draw_choice, title="Asked Before", icon='INFO')

    def draw_choice(self, menu: bpy.types.UIPopupMenu, context: bpy.types.Context) -> None:
        """The menu: both do what the button was to do, with the properties that it had."""
        layout = menu.layout
        layout.operator_context = 'EXEC_DEFAULT'
        for text, icon, earlier in (("Use the Earlier Result", 'RECOVER_LAST', True), ("Ask Again", 'FILE_REFRESH', False)):
            button = layout.operator(self.bl_idname, text=text, icon=icon)
            for name, known in self.properties.bl_rna.properties.items():
                if not known.is_readonly and self.properties.is_property_set(name):
                    setattr(button, name, getattr(self, name))
            button.earlier = earlier


def _has_earlier(planned: PlannedJob) -> bool:
    return any(host.journal.has_result(record) for _, record in blender.earlier.find_earlier(host.journal, planned.job, planned.inputs))
