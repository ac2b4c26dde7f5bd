# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job's words and settings back into the panel, from the queue and from the history."""

from __future__ import annotations

import bpy

from ..blender.host import host
from ..core.request import Job
from .lettering import write_lettering
from .settings import write_settings
from .surface import write_surface

__all__ = ("restore_settings",)


def restore_settings(panel: bpy.types.PropertyGroup, job: Job) -> None:
    """Set the panel so that it asks for the job again. What a job does not tell stays as it is."""
    surface, landing = job.surface, job.landing
    is_sheet = job.kind == "turnaround" and len(job.views) > 1
    if not job.is_local:                        # else nothing was asked for: only its pixel work is told
        # The size of a touch-up, of a sheet and of the camera's frame follow from other settings.
        own_size = not (job.finish or is_sheet or job.frame_px)
        write_settings(panel, job.request._replace(prompt=job.prompt), size=own_size)
    if job.kind == "texture" or (surface and job.kind == "edit_texture"):
        write_surface(panel, surface)
        panel.scale_m = landing.scale_m
    places = panel.bl_rna.properties
    if job.kind == "texture":
        place = "faces" if landing.faces else str(landing.place)
        if place in places["texture_place"].enum_items:
            panel.texture_place = place
        panel.share_material, panel.fit_faces, panel.asset = landing.share_material, landing.fit, landing.asset
        panel.alpha = landing.alpha
    if job.kind == "reference":
        if str(landing.place) in places["reference_place"].enum_items:
            panel.reference_place = str(landing.place)
        panel.match_camera = bool(job.frame_px)
        font = host.journal.folder(job.id) / job.lettering.font if job.lettering and job.lettering.font else None
        write_lettering(panel, job.lettering, font.read_bytes() if font and font.is_file() else b"")
    if job.kind == "turnaround":
        panel.one_sheet, panel.height_m = is_sheet, landing.scale_m or panel.height_m
        if is_sheet:
            panel.views = set(job.views)
    if job.kind == "decal" and landing.decal:
        panel.decal_width_m, panel.decal_conform = landing.decal.width_m, landing.decal.conform
