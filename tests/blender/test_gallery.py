# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history inside Blender: what is noted of a job for it, and the gallery."""

from __future__ import annotations

import bpy

from gptimage_addon.blender.host import host
from gptimage_addon.blender.images import history_entry
from gptimage_addon.core.request import Landing, Place, Service, Surface
from gptimage_addon.operators.surface import plan_surface
from tests.support.scenes import finished, image_of, plan_for


def test_a_job_notes_camera_frame_and_what_it_is_made_from() -> None:
    bpy.context.scene.frame_current = 7
    first = finished(plan_for(Service(), n=2))
    host.land(first)
    assert (first.job.camera, first.job.frame, first.job.parents) == ("Camera", 7, ())
    second = image_of(first, 1)
    assert history_entry(second) == f"{first.job.id}:1"
    assert history_entry(bpy.data.images.new("x", 8, 8)) == history_entry(None) == ""
    made = plan_surface(second, Surface("xy"), Landing(Place.INSTEAD)).job
    assert made.parents == (f"{first.job.id}:1",)
    bpy.context.scene.camera = None
    assert plan_for(Service()).job.camera == ""
