# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import bpy
import pytest

from gptimage_addon.blender.host import host
from gptimage_addon.library.history import recent_prompts
from gptimage_addon.worker.practice import PracticeServer

SMALL = {"size": "1024x640", "quality": "low", "reference_place": "image"}


def test_a_template_is_filled_in() -> None:
    settings = bpy.context.scene.gptimage
    settings.use_text = True
    fields = [{"name": "thing", "value": "a garden gate"}]
    assert bpy.ops.gptimage.use_template(name="Compare Colors", fields=fields) == {'FINISHED'}
    assert settings.prompt == "a garden gate painted {deep green|oxblood red|navy blue}" and not settings.use_text
    with pytest.raises(RuntimeError, match="no template 'Nobody'"):
        bpy.ops.gptimage.use_template(name="Nobody")


def test_templates_of_ones_own_are_kept_replaced_and_removed() -> None:
    settings = bpy.context.scene.gptimage
    assert bpy.ops.gptimage.save_template(name="Gate", text="a <thing: gate>") == {'FINISHED'}
    assert bpy.ops.gptimage.save_template(name="gate", text="the <thing: gate>") == {'FINISHED'}
    assert bpy.ops.gptimage.use_template(name="gate") == {'FINISHED'}
    assert settings.prompt == "the gate"
    assert bpy.ops.gptimage.remove_template(name="gate") == {'FINISHED'}
    with pytest.raises(RuntimeError, match="You have no template"):
        bpy.ops.gptimage.remove_template(name="Surface")
    with pytest.raises(RuntimeError, match="Give it both"):
        bpy.ops.gptimage.save_template(name=" ")


def test_the_projects_words_stand_around_the_artists_and_not_in_names(server: PracticeServer) -> None:
    preferences = bpy.context.scene.gptimage
    preferences.prefix, preferences.suffix = "In the manner of a woodcut:", "on handmade paper"
    assert bpy.ops.gptimage.generate_reference(prompt="a castle", **SMALL) == {'FINISHED'}
    (view,) = host.jobs.values()
    assert view.job.request.prompt == "In the manner of a woodcut: a castle on handmade paper"
    assert view.job.prompt == "a castle"
    assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    assert view.landed.images[0].startswith("A Castle")


def test_earlier_prompts_are_found_newest_first_and_each_once() -> None:
    assert recent_prompts(host.journal.data_dir, 5) == []
    for prompt in ("a castle", "a tower", "a castle"):
        assert bpy.ops.gptimage.generate_reference(prompt=prompt, **SMALL) == {'FINISHED'}
        assert bpy.ops.gptimage.wait(timeout_s=60) == {'FINISHED'}
    host.stop().wait(20.0)                      # what is done goes into the history beside all else
    assert recent_prompts(host.journal.data_dir, 5) == ["a castle", "a tower"]
    assert recent_prompts(host.journal.data_dir, 1) == ["a castle"]
