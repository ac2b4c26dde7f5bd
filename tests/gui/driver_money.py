# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inside a real Blender: drafts, the earlier result, the final, a budget that stops, and the chart of what was spent."""

import os
import sys
import time

import bpy
import lab

sys.path.insert(0, os.path.dirname(__file__))
import steps  # noqa: E402


def jobs_on_disk(host):
    return sorted(path.name for path in host.journal.jobs_dir.iterdir())


def spend(host):
    """Three weeks of an artist's work, the last of it today."""
    wallet = sys.modules[f"{steps.PACKAGE}.library.wallet"]
    kind = sys.modules[f"{steps.PACKAGE}.core.request"].ServiceKind.OPENAI
    book = wallet.Wallet(host.journal.data_dir)
    for day in range(21):
        for n, model in enumerate(("gpt-image-2.5-flare", "gpt-image-2")):
            usd = (0.3 + 0.7 * ((day * 7 + n * 5) % 11) / 10) if day else 0.485
            book.write(wallet.Entry(f"shown-{day}-{n}", time.time() - day * 86400, "texture", kind, model, "1024x1024", "low",
                                    state=wallet.EntryState.PAID, actual_usd=usd))


def run():
    host = steps.host()
    cube = bpy.data.objects["Cube"]
    settings = bpy.context.scene.gptimage
    settings.n, settings.quality = 4, "low"
    lab.area("VIEW_3D").spaces.active.shading.color_type = 'TEXTURE'
    yield from lab.open_tab("VIEW_3D", "GPT Image")
    yield from steps.type_prompt("VIEW_3D", "weathered red brick")
    yield from steps.press("VIEW_3D", "gptimage.generate_texture")
    yield from steps.all_landed()
    yield 3.0                                   # the wallet is looked at every two seconds
    lab.shot("1_drafts")
    (first,) = jobs_on_disk(host)

    # The first of the two buttons now is the earlier result.
    cube.data.materials.clear()
    yield from steps.press("VIEW_3D", "gptimage.generate_texture")
    yield from steps.all_landed()
    assert jobs_on_disk(host) == [first] and cube.active_material, "the earlier result was asked for again"
    lab.shot("2_earlier")

    yield from steps.press("VIEW_3D", "gptimage.make_final")
    yield from lab.until(lambda: len(host.jobs) == 2, 10)
    yield from steps.all_landed()
    lab.shot("3_final")
    assert bpy.data.images[cube.active_material.node_tree.nodes["GPT Image"].image.name]["gptimage"]["quality"] == "high"

    # A budget that is nearly used up, then one that is.
    spend(host)
    preferences = bpy.context.preferences.addons[steps.PACKAGE].preferences
    bpy.context.preferences.system.use_online_access = True
    preferences.service, preferences.day_budget_usd, preferences.month_budget_usd = 'OPENAI', 1.1, 50.0
    yield from steps.type_prompt("VIEW_3D", "slate roof tiles")
    yield 3.0
    lab.shot("4_warned")
    preferences.day_budget_usd = 0.98
    yield 3.0
    lab.shot("5_stopped")
    before = jobs_on_disk(host)
    yield from steps.press("VIEW_3D", "gptimage.repair")
    yield 1.0
    assert jobs_on_disk(host) == before
    preferences.service = 'PRACTICE'

    # The repair has opened a window of preferences, with ours unfolded.
    lab.shot("6_preferences")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[-1]):
        bpy.ops.wm.window_close()
    yield 1.0
    lab.area("VIEW_3D").ui_type = "PREFERENCES"
    yield 1.0
    region = lab.region(lab.area("PREFERENCES"))
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=lab.area("PREFERENCES"), region=region):
        bpy.ops.view2d.scroll_down(deltay=600)
    yield 1.0
    lab.shot("7_budgets")
    lab.area("PREFERENCES").ui_type = "IMAGE_EDITOR"
    yield 1.0
    assert bpy.ops.gptimage.show_spending() == {'FINISHED'}
    yield from lab.until(lambda: bpy.data.images.get("GPT Image Spending"), 20)
    yield 1.0
    lab.shot("8_chart")
    assert lab.area("IMAGE_EDITOR").spaces.active.image.name == "GPT Image Spending"


lab.run(run())
