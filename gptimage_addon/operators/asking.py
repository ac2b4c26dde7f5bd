# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all operators have in common that ask a service for pictures. Nothing is paid twice unasked: what was answered before is offered first.

No postponed annotations here: Blender reads those of the operator as properties.
"""

from collections.abc import Sequence

import bpy
from bpy.props import BoolProperty

from ..blender.host import host
from ..core.errors import GptImageError
from .plan import PlannedJob
from .report import can_start, report

__all__ = ("AskOperator",)


class AskOperator:
    """An operator that `plan`s jobs and submits them, or takes their `earlier` results. Pressed as a button, it asks which. A mixin."""

    earlier: BoolProperty(name="Earlier Result", description="Use what the same request has made before, for nothing", options={'SKIP_SAVE'})

    told_by_panel = False                   # whether the panel compares what goes without pictures, while drawing
    ask_again = "Ask Again"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return can_start(cls, context)

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return "Use what the same request has made before. Nothing is sent or paid" if properties.earlier else cls.bl_description

    def plan(self, context: bpy.types.Context) -> Sequence[PlannedJob]:
        """The jobs, which go together. Raises GptImageError."""
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        try:
            planned = self.plan(context)
        except GptImageError as error:
            return report(self, error)
        if self.offers(planned):
            self.offer(context)
            return {'CANCELLED'}
        return self.submit(planned)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            planned = self.plan(context)
        except GptImageError as error:
            return report(self, error)
        return self.submit(planned)

    def submit(self, planned: Sequence[PlannedJob]) -> set[str]:
        try:
            host.submit_all(planned, earlier=self.earlier)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}

    def offers(self, planned: Sequence[PlannedJob]) -> bool:
        """Whether the artist is to choose: all of it was made before, and that was not told yet."""
        if self.earlier or (self.told_by_panel and not any(each.job.request.is_edit for each in planned)):
            return False
        return host.has_earlier(planned)

    def offer(self, context: bpy.types.Context) -> None:
        context.window_manager.popup_menu(self.draw_choice, title="Asked Before", icon='INFO')

    def draw_choice(self, menu: bpy.types.UIPopupMenu, context: bpy.types.Context) -> None:
        """The menu: both do what the button was to do, with the properties that it had."""
        layout = menu.layout
        layout.operator_context = 'EXEC_DEFAULT'
        for text, icon, earlier in (("Use the Earlier Result", 'RECOVER_LAST', True), (self.ask_again, 'FILE_REFRESH', False)):
            button = layout.operator(self.bl_idname, text=text, icon=icon)
            for name, known in self.properties.bl_rna.properties.items():
                if not known.is_readonly and self.properties.is_property_set(name):
                    setattr(button, name, getattr(self, name))
            button.earlier = earlier
