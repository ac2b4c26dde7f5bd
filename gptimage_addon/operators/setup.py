# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys, connection, and the buttons that repair what an error names.

No postponed annotations here: Blender reads those of the operators as properties.
"""

import bpy
from bpy.props import EnumProperty, StringProperty

from ..blender import paths
from ..blender.host import host
from ..blender.online import check_online
from ..blender.preferences import read_service
from ..core.errors import BILLING_URL, VERIFICATION_URL, GptImageError, InputError, Repair
from .report import report

__all__ = ()


class GPTIMAGE_OT_store_key(bpy.types.Operator):
    bl_idname = "gptimage.store_key"
    bl_label = "Enter API Key"
    bl_description = "Keep the key in the system's keychain, never in Blender's files"
    bl_options = {'INTERNAL'}

    # SKIP_SAVE: Blender must not remember it as the operator's last value.
    key: StringProperty(name="API Key", description="The key from the service's website", subtype='PASSWORD',
                        options={'SKIP_SAVE'})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_dialog(self, width=420, confirm_text="Keep Key")

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.activate_init = True            # typing or pasting goes into the field at once
        self.layout.prop(self, "key")

    def execute(self, context: bpy.types.Context) -> set[str]:
        key, self.key = self.key.strip(), ""
        try:
            if not key:
                raise InputError("The key is empty", field="key", hint="Paste the key from the service's website")
            host.store_key(read_service(), key)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_forget_key(bpy.types.Operator):
    bl_idname = "gptimage.forget_key"
    bl_label = "Forget API Key"
    bl_description = "Remove the key from the keychain and from the key file"
    bl_options = {'INTERNAL'}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            host.store_key(read_service(), "")
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_test_connection(bpy.types.Operator):
    bl_idname = "gptimage.test_connection"
    bl_label = "Test Connection"
    bl_description = "Ask the service for its list of models. Costs nothing"

    def execute(self, context: bpy.types.Context) -> set[str]:
        service = read_service()
        try:
            check_online(service)
            host.check_connection(service)
            host.ask_key(service)
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_repair(bpy.types.Operator):
    bl_idname = "gptimage.repair"
    bl_label = "Repair"
    bl_description = "Do what helps against this error"
    bl_options = {'INTERNAL'}

    action: EnumProperty(
        name="Action", description="What to do", options={'SKIP_SAVE'},
        items=[(Repair.OPEN_KEY_SETTINGS, "Open Key Settings", "Open this extension's preferences"),
               (Repair.OPEN_VERIFICATION, "Open Verification Page", "Open the service's page in the browser"),
               (Repair.OPEN_BILLING, "Open Billing Page", "Open the service's page in the browser"),
               (Repair.ALLOW_ONLINE, "Open Online Access Setting", "Open Blender's system preferences"),
               (Repair.RESTART_WORKER, "Restart Helper", "Start the helper process again"),
               (Repair.RAISE_BUDGET, "Open Budget Settings", "Open this extension's preferences")])

    @classmethod
    def description(cls, context: bpy.types.Context, properties: "GPTIMAGE_OT_repair") -> str:
        return properties.bl_rna.properties["action"].enum_items[properties.action].description

    def execute(self, context: bpy.types.Context) -> set[str]:
        match Repair(self.action):
            case Repair.OPEN_KEY_SETTINGS | Repair.RAISE_BUDGET:
                bpy.ops.preferences.addon_show(module=paths.ROOT)
            case Repair.OPEN_VERIFICATION:
                bpy.ops.wm.url_open(url=VERIFICATION_URL)
            case Repair.OPEN_BILLING:
                bpy.ops.wm.url_open(url=BILLING_URL)
            case Repair.ALLOW_ONLINE:
                bpy.ops.screen.userpref_show(section='SYSTEM')
            case Repair.RESTART_WORKER:
                try:
                    host.stop()
                    host.recover()
                except GptImageError as error:
                    return report(self, error)
        return {'FINISHED'}


classes = (
    GPTIMAGE_OT_store_key, GPTIMAGE_OT_forget_key, GPTIMAGE_OT_test_connection, GPTIMAGE_OT_repair,
)
