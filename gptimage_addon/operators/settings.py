# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings every request has: once as properties, for the panel and for each operator, once as a value.

No postponed annotations here: Blender reads these as properties.
"""

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, IntVectorProperty, PointerProperty, StringProperty

from ..core import catalog
from ..core.errors import InputError
from ..core.request import Request, parse_size
from ..core.styles import hex_color, style_words

__all__ = (
    "CUSTOM", "KEEP", "PanelSettings", "QUALITY_LABELS", "RequestSettings", "read_model", "read_settings", "used_style", "write_settings",
    "write_size",
)

CUSTOM = "CUSTOM"
KEEP = "KEEP"                            # of a style sheet: the setting stays as it is

QUALITY_LABELS = {"low": "Low", "medium": "Medium", "high": "High", "xhigh": "Extra High", "max": "Max"}
_QUALITY_TIPS = {
    "low": "For drafts, from about a cent for two", "medium": "For most work", "high": "Finer detail, about four times medium's price",
    "xhigh": "Very fine detail. Not for GPT Image 2", "max": "The finest, at the highest price. Not for GPT Image 2",
}


class RequestSettings:
    """Properties of a request. A mixin for the scene's settings and for the operators."""

    prompt: StringProperty(
        name="Prompt", description="What the picture should show", options={'TEXTEDIT_UPDATE'})
    model: EnumProperty(
        name="Model", description="The model that makes the picture", default=catalog.DEFAULT_MODEL,
        items=[(m.id, m.label, ("Prices are estimates: its formula is not published. " if not m.price_known else "")
                + "Model of OpenAI's API") for m in catalog.MODELS.values()]
        + [(CUSTOM, "Other", "A model by its name, on a compatible server")])
    custom_model: StringProperty(
        name="Name", description="The model's name as the server lists it. Test Connection in Preferences shows the names")
    quality: EnumProperty(
        name="Quality", description="How much work the model puts in, and the price with it", default="medium",
        items=[(q, QUALITY_LABELS[q], _QUALITY_TIPS[q]) for q in catalog.QUALITIES])
    n: IntProperty(
        name="Variants", description="How many pictures to make from the same words. Each is paid",
        default=1, min=1, max=catalog.MAX_N)
    background: EnumProperty(
        name="Background", description="Whether the picture has a background", default="auto",
        items=[("auto", "Auto", "The model decides"), ("opaque", "Opaque", "Fill the whole frame"),
               ("transparent", "Transparent", "Leave the background out. PNG or WebP only")])
    output_format: EnumProperty(
        name="Format", description="File format of the picture", default="png",
        items=[("png", "PNG", "Lossless"), ("jpeg", "JPEG", "Smaller and faster, with losses"),
               ("webp", "WebP", "Smallest, with losses")])
    output_compression: IntProperty(
        name="Compression", description="Quality of JPEG and WebP files: 100 keeps most", default=95, min=0, max=100,
        subtype='PERCENTAGE')
    moderation: EnumProperty(
        name="Moderation", description="How strictly the service filters", default="auto",
        items=[("auto", "Auto", "The service's usual filter"), ("low", "Low", "A less strict filter")])
    input_fidelity: EnumProperty(
        name="Input Fidelity", description="How closely the pictures sent are kept to. Only some older models, on servers of your own, know it",
        default="auto", items=[("auto", "Auto", "The server decides"), ("low", "Low", "Loosely, at the lowest price"),
                               ("high", "High", "Faces and details are kept, at a higher price")])
    partial_images: IntProperty(
        name="Previews", description="Unfinished pictures streamed on the way. Each costs about a third of a cent",
        default=0, min=0, max=3)
    batch: BoolProperty(
        name="Overnight", description="Send it with others in a batch, at half price: it comes within a day, also if Blender is closed meanwhile",
        default=False)


class PanelSettings(RequestSettings):
    """The scene's settings, with the forms the panel offers for some of them."""

    use_text: BoolProperty(
        name="Use Text", description="Take the prompt from a Text datablock, for long prompts")
    text: PointerProperty(
        name="Text", description="The Text datablock whose words are the prompt", type=bpy.types.Text)
    prefix: StringProperty(name="Before Prompt", description="Words that stand before every prompt of this file")
    suffix: StringProperty(name="After Prompt", description="Words that stand after every prompt of this file")
    size_preset: EnumProperty(
        name="Size", description="Size of the picture in pixels", default="SQUARE",
        items=[(name, label, size.replace("x", " x ")) for name, (label, size) in catalog.SIZE_PRESETS.items()]
        + [(CUSTOM, "Custom", "Any size the service makes: multiples of 16, up to 3840 on a side")])
    custom_size: IntVectorProperty(
        name="Custom Size", description="Width and height in pixels", size=2, default=(1024, 1024), min=16, max=8192,
        subtype='XYZ')


def used_style(panel: PanelSettings) -> bpy.types.PropertyGroup | None:
    """The look of the style sheet, if one is used. Cheap."""
    return panel.style_sheet.gptimage_style if panel.use_style_sheet and panel.style_sheet else None


def read_model(settings: PanelSettings) -> str:
    """The name of the model that is asked."""
    style = used_style(settings)
    if style and style.model != KEEP:
        return style.model
    return settings.custom_model.strip() if settings.model == CUSTOM else settings.model


def read_settings(panel: PanelSettings, operator: bpy.types.Operator | None = None) -> Request:
    """The settings as a request whose prompt is still the artist's own words.

    What a script has set on the operator counts, then the style sheet, all else is the panel's. Raises InputError for a missing Text.
    Cheap; a panel may call it.
    """
    names = tuple(RequestSettings.__annotations__)
    values = {name: getattr(panel, name) for name in names}
    custom = panel.size_preset == CUSTOM
    values["size"] = "{}x{}".format(*panel.custom_size) if custom else catalog.SIZE_PRESETS[panel.size_preset][1]
    # A touch-up has no size of its own: it follows from the area.
    own = [name for name in (*names, "size")
           if hasattr(operator, name) and operator.properties.is_property_set(name)] if operator else []
    if panel.use_text and "prompt" not in own:
        if panel.text is None:
            raise InputError("No Text is chosen", field="text", hint="Choose a Text datablock, or turn Use Text off")
        values["prompt"] = panel.text.as_string()
    if style := used_style(panel):
        values["style"] = style_words(style.words, style.forbidden, [hex_color(each.color) for each in style.colors])
        values |= {name: getattr(style, name) for name in ("model", "quality") if getattr(style, name) != KEEP}
    for name in own:
        values[name] = getattr(operator, name)

    values["prefix"], values["suffix"] = panel.prefix.strip(), panel.suffix.strip()
    is_own = values["model"] == CUSTOM
    if values["input_fidelity"] == "auto" or not (is_own or "input_fidelity" in own):
        values["input_fidelity"] = ""
    custom_model = values.pop("custom_model")
    if is_own:
        values["model"] = custom_model.strip()
    if values["output_format"] == "png":
        values["output_compression"] = None
    return Request(**values)


def write_settings(panel: PanelSettings, words: Request, *, size: bool = True) -> None:
    """Set the panel to what was asked for, where `words.prompt` are the artist's own: the way back of `read_settings`.

    Without `size` the panel keeps its own. A style sheet with another look is not used any more.
    """
    panel.prompt, panel.use_text = words.prompt, False
    panel.prefix, panel.suffix = words.prefix, words.suffix
    if words.model in catalog.MODELS:
        panel.model = words.model
    else:
        panel.model, panel.custom_model = CUSTOM, words.model
    if size:
        write_size(panel, words.size)
    if words.quality in catalog.QUALITIES:      # a server of one's own may know others
        panel.quality = words.quality
    panel.n, panel.background = words.n, words.background
    panel.output_format, panel.moderation, panel.partial_images = words.output_format, words.moderation, words.partial_images
    panel.batch = words.batch
    if words.is_edit:
        panel.input_fidelity = words.input_fidelity or "auto"
    if words.output_compression is not None:
        panel.output_compression = words.output_compression
    if used_style(panel):
        found = read_settings(panel)
        if (found.style, found.model, found.quality) != (words.style, words.model, words.quality):
            panel.use_style_sheet = False


def write_size(panel: PanelSettings, size: str) -> None:
    """Set the panel to a size such as "1536x1024". Raises InputError for what is none."""
    names = {size: name for name, (_, size) in catalog.SIZE_PRESETS.items()}
    panel.size_preset, panel.custom_size = names.get(size, CUSTOM), parse_size(size)
