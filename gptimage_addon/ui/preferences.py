# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences: who answers, with which key, and where things are kept.

No postponed annotations here: Blender reads those of the class as properties.
"""

from datetime import date

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..blender import paths
from ..blender.host import host
from ..blender.preferences import read_preferences, read_service
from ..core import catalog
from ..core.errors import error_from_dict
from ..core.pricing import Limits
from ..core.request import Service, ServiceKind
from .status import dollars, draw_error, draw_wrapped

__all__ = ()

KEY_SOURCES = {
    "environment": "Key from the environment variable OPENAI_API_KEY", "keychain": "Key in the system's keychain",
    "file": "Key in a file that only you can read", "": "No key yet",
}
MODELS_SHOWN = 12


def _concurrency_changed(self: "GPTIMAGE_AP_preferences", context: bpy.types.Context) -> None:
    host.configure(self.concurrency)


def _service_changed(self: "GPTIMAGE_AP_preferences", context: bpy.types.Context) -> None:
    host.connection = None


def _budget_changed(self: "GPTIMAGE_AP_preferences", context: bpy.types.Context) -> None:
    host.apply_budgets()


class GPTIMAGE_AP_preferences(bpy.types.AddonPreferences):
    bl_idname = paths.ROOT

    service: EnumProperty(
        name="Service", description="Who makes the pictures", default="PRACTICE", update=_service_changed,
        items=[("PRACTICE", "Practice", "A free service on this machine: procedural pictures to try the workflow with"),
               ("OPENAI", "OpenAI", "OpenAI's GPT Image models, paid by your own API key"),
               ("COMPATIBLE", "Compatible Server", "Any server that speaks OpenAI's image API")])
    base_url: StringProperty(
        name="Base URL", description="Address of the server's API. It usually ends in /v1",
        default="http://127.0.0.1:8080/v1", update=_service_changed)
    mask_style: EnumProperty(
        name="Masks", description="How this server wants to be told the area of a touch-up. One that looks at no mask changes "
        "nothing outside the area all the same", default="ALPHA", update=_service_changed,
        items=[("ALPHA", "Transparent", "As OpenAI does: what is transparent changes. White in the same file, for servers that look at that"),
               ("WHITE", "White", "What is white changes, in a file without transparency"),
               ("MASK_IMAGE", "White, as mask_image", "The same in the field mask_image, as vLLM-Omni has it")])
    data_dir: StringProperty(
        name="Data Folder", description="Where requests, answers and pictures are kept. Empty uses the extension's own folder. "
        "A change takes effect after a restart", subtype='DIR_PATH')
    storage: EnumProperty(
        name="Store Images", description="Where the pictures of a file are kept", default="PACK",
        items=[("PACK", "In the File", "Pack them into the .blend file"),
               ("BESIDE", "Beside the File", "Put them into the folder textures beside the .blend file. "
                "In an unsaved file they are packed")])
    label_files: BoolProperty(
        name="Prompt in PNG Files", description="Write the prompt and the job's id into finished PNG files, so that a copy tells where it comes from. "
        "Files the service has signed stay as they are", default=True)
    keep_days: IntProperty(
        name="Keep History", description="How many days pictures stay when space is freed in the gallery. Those with a star, and those that "
        "never reached a file, stay in any case. Nothing is deleted by itself", default=180, min=1, max=36500)
    concurrency: IntProperty(
        name="Parallel Requests", description="How many requests are sent at once", default=4, min=1, max=32,
        update=_concurrency_changed)
    day_budget_usd: FloatProperty(
        name="Budget a Day", description="US dollars that may be spent in a day, by all Blenders on this data folder together. 0 is no limit",
        default=0.0, min=0.0, precision=2, step=100, update=_budget_changed)
    month_budget_usd: FloatProperty(
        name="A Month", description="US dollars that may be spent in a calendar month. 0 is no limit",
        default=0.0, min=0.0, precision=2, step=100, update=_budget_changed)
    file_budget_usd: FloatProperty(
        name="A File", description="US dollars that may be spent for one .blend file; for one that was never saved, in a session. 0 is no limit",
        default=0.0, min=0.0, precision=2, step=100, update=_budget_changed)
    stop_at_budget: BoolProperty(
        name="Stop at the Budget", description="Refuse what would exceed a budget, with what is on its way counted in. Else there is only a warning",
        default=True, update=_budget_changed)
    warn_share: FloatProperty(
        name="Warn From", description="The part of a budget from which on the panel warns", default=0.8, min=0.0, max=1.0, subtype='FACTOR')
    show_unfinished: BoolProperty(
        name="Show While Being Made", description="Show streamed previews on the selected objects and in an Image Editor until the finished picture "
        "is there. How many there are is set under More Settings", default=False)

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(self, "service")
        service = read_service()
        if service.kind is ServiceKind.COMPATIBLE:
            layout.prop(self, "base_url")
            layout.prop(self, "mask_style")
        if service.kind is ServiceKind.PRACTICE:
            layout.label(text="Runs on this machine, needs no key and costs nothing", icon='INFO')
        else:
            self._draw_key(layout, service)
            self._draw_connection(layout, service)
        layout.separator()
        layout.prop(self, "storage")
        layout.prop(self, "data_dir", placeholder=str(paths.default_data_dir()))
        layout.prop(self, "label_files")
        layout.prop(self, "keep_days", text="Keep History (Days)")
        layout.prop(self, "concurrency")
        layout.prop(self, "show_unfinished")
        self._draw_budgets(layout)

    def _draw_budgets(self, layout: bpy.types.UILayout) -> None:
        layout.separator()
        column = layout.column(align=True)
        for name, label in (("day_budget_usd", "Budget a Day (USD)"), ("month_budget_usd", "A Month"), ("file_budget_usd", "A File")):
            column.prop(self, name, text=label)
        if read_preferences().budgets != Limits():
            layout.prop(self, "stop_at_budget")
            layout.prop(self, "warn_share", slider=True)
            spent = host.budget.spending
            layout.label(text=f"Spent {dollars(spent.day_usd)} today, {dollars(spent.month_usd)} this month, {dollars(spent.blend_usd)} for this file",
                         translate=False)
        row = layout.row()
        row.operator("gptimage.show_spending", icon='GRAPH')
        row.operator("gptimage.export_spending", icon='EXPORT')
        if host.budget.trouble:
            draw_wrapped(layout, host.budget.trouble, 'ERROR')

    @staticmethod
    def _draw_key(layout: bpy.types.UILayout, service: Service) -> None:
        state = host.keys.get(service)
        row = layout.row(align=True)
        if state is None:
            row.label(text="Test Connection shows where the key is", icon='INFO')
        elif state.error:
            row.label(text=error_from_dict(state.error).message, icon='ERROR', translate=False)
        else:
            tail = f" (…{state.tail})" if state.tail else ""
            row.label(text=KEY_SOURCES[state.source] + tail, icon='CHECKMARK' if state.source else 'ERROR')
        row.operator("gptimage.store_key", icon='KEYINGSET')
        if state and state.source in ("keychain", "file"):
            row.operator("gptimage.forget_key", text="", icon='TRASH')

    @staticmethod
    def _draw_connection(layout: bpy.types.UILayout, service: Service) -> None:
        if not service.is_local and not bpy.app.online_access:
            row = layout.row()
            row.label(text="Online access is off", icon='INTERNET_OFFLINE')
            row.operator("gptimage.repair", text="Open Online Access Setting").action = "ALLOW_ONLINE"
        layout.operator("gptimage.test_connection", icon='URL')
        found = host.connection
        if found is None or found.service != service:
            return
        if found.error:
            draw_error(layout, error_from_dict(found.error))
            return
        box = layout.box().column(align=True)
        box.label(text=f"Connected. The service lists {len(found.models)} models", icon='CHECKMARK')
        ours = [m for m in found.models if catalog.find_model(m.id) or m.id in catalog.RETIRED]
        for model in (ours or found.models)[:MODELS_SHOWN]:
            end = date.fromisoformat(model.shutdown) if model.shutdown else None
            notice = catalog.shutdown_notice(model.id, date.today(), end)
            box.label(text=notice or model.id, icon='ERROR' if notice else 'DOT', translate=False)


classes = (GPTIMAGE_AP_preferences,)
