# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pointing at the shown picture with the mouse: boxes, lassos and brush strokes that become the mask, and notes.

No postponed annotations here: Blender reads those of the operators as properties.
"""

import math
from typing import NamedTuple

import bpy
import numpy as np
from bpy.props import EnumProperty

from ..blender import view
from ..core.errors import InputError
from ..imaging import masks
from .areas import Shown, combine_mask, shown_picture
from .report import report

__all__ = ("Drawn", "PointingOperator", "drawn")

BRUSH_PX, BRUSH_STEP = 40.0, 1.25       # of the screen, across
_AREAS = {'IMAGE_EDITOR', 'VIEW_3D'}


class Drawn(NamedTuple):
    """What is being drawn right now: points in pixels of the region; `width_px` is the brush's, 0 for an outline."""

    area: int
    shape: str
    points: tuple[tuple[float, float], ...]
    width_px: float


_now: list[Drawn] = []


def drawn(area: bpy.types.Area) -> Drawn | None:
    """What is being drawn in that editor. Reads state only."""
    return _now[0] if _now and _now[0].area == area.as_pointer() else None


class PointingOperator:
    """A modal operator over the shown picture. A mixin: `press`, `drag` and `release` get points in pixels of the region."""

    hint = ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.area is None or context.area.type not in _AREAS or shown_picture(context) is None:
            cls.poll_message_set("No picture is shown here. Open one, or look through the camera")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        picture = shown_picture(context)
        assert picture is not None
        self.picture: Shown = picture
        self.area: bpy.types.Area = context.area
        self.is_down = False
        context.window.cursor_modal_set('CROSSHAIR')
        context.workspace.status_text_set(self.hint)
        context.window_manager.modal_handler_add(self)
        return {'RUNNING_MODAL'}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        # The editor may be gone, or show something else by now.
        region, region_data = view.window_region(self.area)
        if region is None or event.type in {'ESC', 'RET', 'NUMPAD_ENTER', 'RIGHTMOUSE'}:
            return self._end(context, {'FINISHED'} if event.type in {'RET', 'NUMPAD_ENTER'} else {'CANCELLED'})
        x, y = event.mouse_x - region.x, event.mouse_y - region.y
        if event.type == 'LEFTMOUSE' and event.value == 'PRESS':
            if not (0 <= x < region.width and 0 <= y < region.height) or view.is_covered(self.area, event.mouse_x, event.mouse_y):
                return self._end(context, {'CANCELLED'})        # a click elsewhere is meant for what is there
            self.is_down = True
            self.press(x, y, event)
        elif event.type == 'MOUSEMOVE':
            self.drag(x, y)
        elif event.type == 'LEFTMOUSE' and event.value == 'RELEASE' and self.is_down:
            self.is_down = False
            frame = view.picture_frame(context.scene, self.area.type, region, region_data)
            over = self.release(context, frame)
            if over is not None:
                return self._end(context, over)
        elif not self.key(event):
            return {'PASS_THROUGH'}
        self.area.tag_redraw()
        return {'RUNNING_MODAL'}

    def key(self, event: bpy.types.Event) -> bool:
        """Whether a key was one of ours."""
        return False

    def _end(self, context: bpy.types.Context, result: set[str]) -> set[str]:
        _now.clear()
        context.window.cursor_modal_restore()
        context.workspace.status_text_set(None)
        self.area.tag_redraw()
        return result


class GPTIMAGE_OT_draw_area(PointingOperator, bpy.types.Operator):
    bl_idname = "gptimage.draw_area"
    bl_label = "Draw Area"
    bl_description = "Draw the area on the picture with the mouse. The picture itself is not painted on"
    bl_options = {'REGISTER', 'UNDO'}

    shape: EnumProperty(
        name="Shape", description="What is drawn", default="lasso",
        items=[("box", "Box", "Drag from corner to corner"), ("lasso", "Lasso", "Drag around it"),
               ("brush", "Brush", "Paint over it")])

    @classmethod
    def description(cls, context: bpy.types.Context, properties: "GPTIMAGE_OT_draw_area") -> str:
        tip = properties.bl_rna.properties["shape"].enum_items[properties.shape].description
        return f"{cls.bl_label}: {tip}. Shift adds, Ctrl subtracts"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.width_px = BRUSH_PX * context.preferences.system.ui_scale
        self.combine = ""
        self.changed = False
        self.hint = {"box": "Drag a box", "lasso": "Drag around the area",
                     "brush": "Paint    [ ]: Brush Size    Ctrl: Erase    Enter: Done"}[self.shape] + "    Shift: Add    Ctrl: Subtract" * (
                         self.shape != "brush") + "    Esc: Cancel"
        return super().invoke(context, event)

    def press(self, x: float, y: float, event: bpy.types.Event) -> None:
        usual = "add" if self.shape == "brush" else ""
        self.combine = "subtract" if event.ctrl else "add" if event.shift else usual
        self._show(((x, y),))

    def drag(self, x: float, y: float) -> None:
        points = _now[0].points if _now and self.is_down else ()
        if self.shape == "brush" and not self.is_down:
            self._show(((x, y),))
        elif points and math.dist(points[-1], (x, y)) >= 2:
            self._show(((points[0], (x, y)) if self.shape == "box" else (*points, (x, y))))

    def _show(self, points: tuple[tuple[float, float], ...]) -> None:
        _now[:] = [Drawn(self.area.as_pointer(), self.shape, points, self.width_px if self.shape == "brush" else 0.0)]

    def key(self, event: bpy.types.Event) -> bool:
        if self.shape != "brush" or event.type not in {'LEFT_BRACKET', 'RIGHT_BRACKET'}:
            return False
        if event.value == 'PRESS':
            self.width_px *= BRUSH_STEP if event.type == 'RIGHT_BRACKET' else 1 / BRUSH_STEP
            if _now:
                self._show(_now[0].points)
        return True

    def release(self, context: bpy.types.Context, frame: view.Frame) -> set[str] | None:
        fractions = np.array([frame.fraction(*point) for point in _now[0].points] if _now else [])
        scale = self.picture.size[0] / frame.width
        _now.clear()
        try:
            mask = self._mask(fractions, scale)
            if mask is None:
                return None
            settings = context.scene.gptimage
            # A brush begins where the last mask ended; outlines begin anew unless the panel or a key says otherwise.
            combine = self.combine or settings.mask_combine
            combine_mask(context, self.picture, mask, combine)
        except InputError as error:
            return report(self, error)
        return None if self.shape == "brush" else {'FINISHED'}

    def _mask(self, fractions: np.ndarray, scale: float) -> np.ndarray | None:
        """The drawn shape as a mask, None for a click that is no shape."""
        size = self.picture.size
        if self.shape == "brush":
            return masks.from_strokes([masks.from_fractions(fractions, size)], self.width_px * scale, size) if len(fractions) else None
        if self.shape == "box":
            if len(fractions) < 2:
                return None
            (x0, y0), (x1, y1) = fractions.min(axis=0), fractions.max(axis=0)
            return masks.from_border(x0, y0, x1, y1, size)
        return masks.from_polygon(masks.from_fractions(fractions, size), size) if len(fractions) > 2 else None


class GPTIMAGE_OT_add_note(PointingOperator, bpy.types.Operator):
    bl_idname = "gptimage.add_note"
    bl_label = "Add Note"
    bl_description = "Click where a note to the model is to stand on the picture, then write it in the panel"
    bl_options = {'REGISTER', 'UNDO'}
    hint = "Click where the note begins    Esc: Cancel"

    def press(self, x: float, y: float, event: bpy.types.Event) -> None:
        self.point = x, y

    def drag(self, x: float, y: float) -> None:
        pass

    def release(self, context: bpy.types.Context, frame: view.Frame) -> set[str] | None:
        note = context.scene.gptimage.notes.add()
        note.x, note.y = frame.fraction(*self.point)
        return {'FINISHED'}


classes = (GPTIMAGE_OT_draw_area, GPTIMAGE_OT_add_note)
