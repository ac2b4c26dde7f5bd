# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done with a job in the queue.

No postponed annotations here: Blender reads those of the operators as properties.
"""

import bpy
from bpy.props import FloatProperty, StringProperty

from ..blender.host import host
from ..core.errors import GptImageError, InputError
from ..core.request import JobState
from .report import report

__all__ = ()


class _JobOperator:
    """An operator on one job, by its id."""

    bl_options = {'INTERNAL'}
    job_id: StringProperty(name="Job", description="The job's id", options={'SKIP_SAVE'})

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            if self.job_id not in host.jobs:
                raise InputError(f"There is no job {self.job_id!r}", field="job_id", hint="It is not in this session's queue")
            self.act()
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_cancel_job(_JobOperator, bpy.types.Operator):
    bl_idname = "gptimage.cancel_job"
    bl_label = "Cancel Job"
    bl_description = "Stop this job. What was sent already may still be charged"

    def act(self) -> None:
        sent = host.jobs[self.job_id].record.sent_at
        host.cancel(self.job_id)
        self.report({'INFO'}, "Cancelled. It may still be charged" if sent else "Cancelled. Nothing was charged")


class GPTIMAGE_OT_retry_job(_JobOperator, bpy.types.Operator):
    bl_idname = "gptimage.retry_job"
    bl_label = "Retry Job"
    bl_description = "Send the same request again"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        view = host.jobs.get(self.job_id)
        if view and view.record.state is JobState.UNCERTAIN:
            return context.window_manager.invoke_confirm(
                self, event, title="Send Again?", confirm_text="Send Again",
                message="This request may have been paid already. Sending it again can cost a second time")
        return self.execute(context)

    def act(self) -> None:
        host.retry(self.job_id)


class GPTIMAGE_OT_dismiss_job(_JobOperator, bpy.types.Operator):
    bl_idname = "gptimage.dismiss_job"
    bl_label = "Dismiss Job"
    bl_description = "Take this job off the list. Its pictures and its folder stay"

    def act(self) -> None:
        host.dismiss(self.job_id)


class GPTIMAGE_OT_apply_result(_JobOperator, bpy.types.Operator):
    bl_idname = "gptimage.apply_result"
    bl_label = "Apply Result"
    bl_description = "Bring this job's pictures into the file, once more if need be"

    def act(self) -> None:
        view = host.jobs[self.job_id]
        if view.record.state is not JobState.DONE:
            raise InputError("This job has no result", field="job_id", hint="Wait until it is done, or retry it")
        landed = host.land(view)
        self.report({'INFO'} if landed.complete else {'WARNING'}, landed.message)


class GPTIMAGE_OT_recover_results(bpy.types.Operator):
    bl_idname = "gptimage.recover_results"
    bl_label = "Recover Results"
    bl_description = "Look for pictures of earlier sessions that never reached a file. Nothing is sent"

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            host.recover()
        except GptImageError as error:
            return report(self, error)
        return {'FINISHED'}


class GPTIMAGE_OT_wait(bpy.types.Operator):
    bl_idname = "gptimage.wait"
    bl_label = "Wait for GPT Image"
    bl_description = "Wait until all jobs are done. For scripts in background mode"
    bl_options = {'INTERNAL'}

    timeout_s: FloatProperty(name="Timeout", description="Seconds to wait at most", default=900.0, min=0.0)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not host.wait(self.timeout_s):
            self.report({'WARNING'}, f"Not all jobs were done after {self.timeout_s:.0f} seconds")
            return {'CANCELLED'}
        return {'FINISHED'}


classes = (
    GPTIMAGE_OT_cancel_job, GPTIMAGE_OT_retry_job, GPTIMAGE_OT_dismiss_job, GPTIMAGE_OT_apply_result,
    GPTIMAGE_OT_recover_results, GPTIMAGE_OT_wait,
)


def unregister() -> None:
    host.reset()
