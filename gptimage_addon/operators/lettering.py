# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lettering of a reference picture: what is to be read on it, letter for letter.

No postponed annotations here: Blender reads those of the classes as properties.
"""

from functools import lru_cache, partial
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatVectorProperty, PointerProperty, StringProperty

from ..core.errors import InputError
from ..core.prompts import lettered_prompt, reference_prompt
from ..core.request import Lettering, parse_size
from .plan import Reference, Template

__all__ = ("FONT_FILE", "LetteringChoices", "LetteringSettings", "check_lettering", "font_file", "lettered", "read_font", "read_lettering",
           "write_lettering")

ALIGNS, BLENDS = ("left", "center", "right"), ("normal", "multiply", "screen")
FONT_FILE = "inputs/font"


class LetteringSettings:
    """Properties of lettering. A mixin like RequestSettings."""

    letters: StringProperty(name="Letters", description="What is to be read on the picture, exactly so. More lines come from a Text")
    letters_font: StringProperty(name="Font", description="Name of a font of this file. Empty uses the interface's own")
    letters_align: EnumProperty(
        name="Align", description="How the lines stand to each other", default="center",
        items=[("left", "Left", "At the left"), ("center", "Center", "In the middle"), ("right", "Right", "At the right")])
    letters_box: FloatVectorProperty(
        name="Place", description="Left, bottom, right and top of where the letters stand, as shares of the picture", size=4, min=0.0, max=1.0,
        default=(0.1, 0.4, 0.9, 0.6), precision=2, step=1)
    letters_overlay: BoolProperty(
        name="Overlay", description="Lay the letters, as they were set, over the finished picture: for signs and labels where none may be wrong")
    letters_color: FloatVectorProperty(
        name="Color", description="Color of the letters laid over", subtype='COLOR_GAMMA', size=3, min=0.0, max=1.0, default=(0.05, 0.05, 0.05))
    letters_blend: EnumProperty(
        name="Blend", description="How the letters laid over mix with the picture", default="normal",
        items=[("normal", "Normal", "Opaque"), ("multiply", "Multiply", "Like ink: what is below shows through, darker"),
               ("screen", "Screen", "Like light: what is below shows through, lighter")])


class LetteringChoices(LetteringSettings):
    """The panel's, with a switch and a Text for more lines."""

    use_letters: BoolProperty(name="Lettering", description="Have the picture bear this lettering")
    letters_text: PointerProperty(name="Text", description="A Text datablock whose lines are the letters, instead of the field", type=bpy.types.Text)


def read_lettering(panel: LetteringChoices, operator: bpy.types.Operator | None = None) -> Lettering | None:
    """The lettering that is asked for, or None. What a script has set on the operator counts, all else is the panel's.

    Reads no file; a panel may call it. Raises InputError.
    """
    own = [name for name in LetteringSettings.__annotations__ if operator and operator.properties.is_property_set(name)]
    if not panel.use_letters and not own:
        return None
    chosen = {name: getattr(operator if name in own else panel, name) for name in LetteringSettings.__annotations__}
    from_text = panel.letters_text is not None and "letters" not in own
    text = panel.letters_text.as_string() if from_text else chosen["letters"]
    font = FONT_FILE if _font(chosen["letters_font"]) or _interface_font() else ""
    found = Lettering(tuple(line.rstrip() for line in text.strip("\n").split("\n")), tuple(round(edge, 4) for edge in chosen["letters_box"]), font,
                      chosen["letters_align"], tuple(round(part, 4) for part in chosen["letters_color"]), chosen["letters_overlay"],
                      chosen["letters_blend"])
    check_lettering(found)
    return found


def write_lettering(panel: LetteringChoices, lettering: Lettering | None, font: bytes) -> None:
    """Set the panel to this lettering, or to none; `font` is the file it was set in. The way back of `read_lettering`.

    A font that is not in this .blend becomes Blender's own.
    """
    panel.use_letters = lettering is not None
    if lettering is None:
        return
    panel.letters, panel.letters_text = lettering.lines[0], None
    if len(lettering.lines) > 1:                # a field has one line
        panel.letters_text = bpy.data.texts.new("Lettering")
        panel.letters_text.from_string("\n".join(lettering.lines))
    panel.letters_align, panel.letters_box, panel.letters_color = lettering.align, lettering.box, lettering.color
    panel.letters_overlay, panel.letters_blend = lettering.overlay, lettering.blend
    panel.letters_font = next((each.name for each in bpy.data.fonts if each.filepath != "<builtin>" and _is_file(each, font)), "")


def _is_file(font: bpy.types.VectorFont, data: bytes) -> bool:
    try:
        return font_file(font.name) == data
    except InputError:                          # its file is gone
        return False


def check_lettering(lettering: Lettering) -> None:
    """Raise InputError for lettering that says nothing, or stands nowhere."""
    if not any(line.strip() for line in lettering.lines):
        raise InputError("The lettering is empty", field="lettering.lines", hint="Write it, or turn Lettering off")
    if len(lettering.box) != 4 or not (0 <= lettering.box[0] < lettering.box[2] <= 1 and 0 <= lettering.box[1] < lettering.box[3] <= 1):
        raise InputError("The lettering's place is no box in the picture", field="lettering.box",
                         hint="Write left, bottom, right and top as shares of the picture, such as 0.1, 0.4, 0.9, 0.6")
    for name, value, known in (("align", lettering.align, ALIGNS), ("blend", lettering.blend, BLENDS)):
        if value not in known:
            raise InputError(f"There is no {name} {value!r}", field=f"lettering.{name}", hint=f"Use {' or '.join(known)}")


@lru_cache(maxsize=4)
def lettered(lettering: Lettering | None, size: str) -> tuple[Template, tuple[Reference, ...]]:
    """The template and the picture of the letters that a reference picture of that size is asked for with. Raises InputError."""
    if lettering is None:
        return reference_prompt, ()
    return partial(lettered_prompt, lines=lettering.lines), (Reference("Lettering", *parse_size(size), "lettering", drawn=True),)


@lru_cache(maxsize=1)
def _interface_font() -> Path | None:
    """The file of Blender's own interface font, which has the letters of most languages; None where a distribution keeps it elsewhere."""
    path = Path(bpy.utils.system_resource('DATAFILES', path="fonts") or "") / "Inter.woff2"
    return path if path.is_file() else None


def _font(name: str) -> bpy.types.VectorFont | None:
    """The font of that name, or None for Blender's own. Raises InputError."""
    if not name:
        return None
    font = bpy.data.fonts.get(name)
    if font is None:
        raise InputError(f"There is no font {name!r}", field="lettering.font", hint="Load it into the file, or leave the field empty")
    return None if font.filepath == "<builtin>" else font


def font_file(name: str) -> bytes:
    """The file of the font of that name, or of Blender's own; b"" for the plain one that the helper has. Raises InputError."""
    font = _font(name)
    if font is None:
        own = _interface_font()
        return read_font(own) if own else b""
    return bytes(font.packed_file.data) if font.packed_file else read_font(Path(bpy.path.abspath(font.filepath, library=font.library)))


def read_font(path: Path) -> bytes:
    """A font's file. Raises InputError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"The font {path} cannot be read", field="lettering.font", hint="Check the path") from error
