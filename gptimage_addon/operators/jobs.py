# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done with a job in the queue.

No postponed annotations here: Blender reads those of the operators as properties.
"""

from collections.abc import Sequence

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..blender.host import JobView, host
from ..core.errors import GptImageError, InputError
from ..core.request import JobState, ServiceKind
from .report import report
from .restore import restore_settings

__all__ = ()

STEPS = {'FRONT': -1_000_000, 'UP': -1, 'DOWN': 1, 'BACK': 1_000_000}


def _worth(views: Sequence[JobView]) -> str:
    """What the jobs' requests were priced at, together, as the end of a sentence; "" for practice."""
    prices = [view.job.shown_usd for view in views if view.job.service.kind is not ServiceKind.PRACTICE]
    if not prices:
        return ""
    return " (price not known)" if None in prices else f" (about ${sum(prices):.2f})"


def _count(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"


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


class GPTIMAGE_OT_stop_job(_JobOperator, bpy.types.Operator):
    bl_idname = "gptimage.stop_job"
    bl_label = "Stop Here"
    bl_description = "Take the unfinished picture as it is now. What was made up to here is charged, and the service may charge the whole"

    def act(self) -> None:
        view = host.jobs[self.job_id]
        if view.record.state is not JobState.RECEIVING or not view.record.partials:
            raise InputError("There is no unfinished picture to stop at", field="job_id",
                             hint="Set Previews above 0 under More Settings, and wait for the first")
        host.stop_here(self.job_id)
        self.report({'INFO'}, f"Stopped. The picture is kept as it is; what was made is charged, and at most the whole{_worth([view])}")


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


class GPTIMAGE_OT_retry_all(bpy.types.Operator):
    bl_idname = "gptimage.retry_all"
    bl_label = "Send Unpaid Again"
    bl_description = "Send all jobs again that were never sent, or failed before anything was made. Those that may have been paid are left out"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("All jobs are under way, done, or may have been paid")
        return any(view.can_be_sent_free for view in host.jobs.values())

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        again = [view for view in host.jobs.values() if view.can_be_sent_free]
        return context.window_manager.invoke_confirm(
            self, event, title="Send Again?", confirm_text="Send Again",
            message=f"{_count(len(again))} will be sent{_worth(again)}. None of them was paid before")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            again = host.retry_all([job_id for job_id, view in host.jobs.items() if view.can_be_sent_free])
        except GptImageError as error:
            return report(self, error)
        self.report({'INFO'}, f"{_count(len(again))} sent again")
        return {'FINISHED'}


class GPTIMAGE_OT_cancel_all(bpy.types.Operator):
    bl_idname = "gptimage.cancel_all"
    bl_label = "Cancel All"
    bl_description = "Stop all jobs. Those that wait cost nothing; what was sent already may still be charged"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("No job is under way")
        return any(view.is_active for view in host.jobs.values())

    @staticmethod
    def _words() -> str:
        active = [view for view in host.jobs.values() if view.is_active]
        sent = [view for view in active if not view.is_waiting and not view.job.is_local]
        waiting = len(active) - len(sent)
        words = [f"{len(sent)} sent already may still be charged{_worth(sent)}"] if _worth(sent) else [f"{len(sent)} under way"] * bool(sent)
        words += [f"{waiting} waiting {'costs' if waiting == 1 else 'cost'} nothing"] if waiting else []
        return "; ".join(words)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(
            self, event, title="Stop All Jobs?", confirm_text="Stop All Jobs", message=self._words())

    def execute(self, context: bpy.types.Context) -> set[str]:
        words = self._words()
        host.cancel_all()
        self.report({'INFO'}, f"Cancelled: {words}")
        return {'FINISHED'}


class GPTIMAGE_OT_send_overnight(bpy.types.Operator):
    bl_idname = "gptimage.send_overnight"
    bl_label = "Send Overnight"
    bl_description = "Send what waits in a batch instead, at half price: it comes within a day, also if Blender is closed meanwhile"

    @staticmethod
    def _waiting() -> list[str]:
        """What waits, and can wait: neither what is made from another job of the queue nor what another is made from."""
        awaited = {other for view in host.jobs.values() if view.is_active for other in view.job.after}
        return [job_id for job_id, view in host.jobs.items()
                if view.is_waiting and not view.instead and not view.job.request.batch and not view.job.is_local and not view.job.after
                and job_id not in awaited]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("No job waits that goes with no other. Pause the queue first to gather some")
        return bool(cls._waiting())

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        views = [host.jobs[job_id] for job_id in self._waiting()]
        return context.window_manager.invoke_confirm(
            self, event, title="Send Overnight?", confirm_text="Send Overnight",
            message=f"{_count(len(views))} will come within a day, at half the price{_worth(views)}")

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            waiting = self._waiting()
            host.send_overnight(waiting)
        except GptImageError as error:
            return report(self, error)
        self.report({'INFO'}, f"{_count(len(waiting))} sent overnight")
        return {'FINISHED'}


class GPTIMAGE_OT_pause_queue(bpy.types.Operator):
    bl_idname = "gptimage.pause_queue"
    bl_label = "Pause Queue"
    bl_options = {'INTERNAL'}

    pause: BoolProperty(name="Pause", description="Hold the queue, or let it go on", default=True)

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return ("Send nothing more for now. What was sent already is received and applied all the same" if properties.pause
                else "Send the waiting jobs, also where the service asked for a pause")

    def execute(self, context: bpy.types.Context) -> set[str]:
        host.pause(self.pause)
        return {'FINISHED'}


class GPTIMAGE_OT_move_job(_JobOperator, bpy.types.Operator):
    bl_idname = "gptimage.move_job"
    bl_label = "Move Job"
    bl_description = "Change when this job is sent"

    to: EnumProperty(
        name="To", description="Where to in the line", default='FRONT',
        items=[('FRONT', "Send Next", "Send it before all others"), ('UP', "Move Earlier", "Send it one earlier"),
               ('DOWN', "Move Later", "Send it one later"), ('BACK', "Send Last", "Send it after all others")])

    def act(self) -> None:
        if not host.jobs[self.job_id].is_waiting:
            raise InputError("This job is not waiting any more", field="job_id", hint="Only what has not been sent can be moved")
        host.move(self.job_id, STEPS[self.to])


class GPTIMAGE_OT_copy_job(_JobOperator, bpy.types.Operator):
    bl_idname = "gptimage.copy_job"
    bl_label = "Copy to Panel"
    bl_description = "Put this job's words and settings into the panel, to change them and send the new ones"
    bl_options = {'INTERNAL', 'UNDO'}

    def act(self) -> None:
        job = host.jobs[self.job_id].job
        restore_settings(bpy.context.scene.gptimage, job)
        self.report({'INFO'}, "Copied. Reference pictures and areas are not: choose them anew" if job.request.is_edit
                    else "Copied to the panel")


class GPTIMAGE_OT_dismiss_done(bpy.types.Operator):
    bl_idname = "gptimage.dismiss_done"
    bl_label = "Clear Finished"
    bl_description = "Take all jobs off the list that are applied or cancelled. Their pictures and folders stay"

    def execute(self, context: bpy.types.Context) -> set[str]:
        for job_id, view in list(host.jobs.items()):
            if view.landed or view.record.state is JobState.CANCELLED:
                host.dismiss(job_id)
        return {'FINISHED'}


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
    GPTIMAGE_OT_cancel_job, GPTIMAGE_OT_stop_job, GPTIMAGE_OT_cancel_all, GPTIMAGE_OT_send_overnight, GPTIMAGE_OT_pause_queue,
    GPTIMAGE_OT_move_job, GPTIMAGE_OT_retry_job,
    GPTIMAGE_OT_retry_all, GPTIMAGE_OT_copy_job, GPTIMAGE_OT_dismiss_job, GPTIMAGE_OT_dismiss_done, GPTIMAGE_OT_apply_result,
    GPTIMAGE_OT_recover_results, GPTIMAGE_OT_wait,
)


def unregister() -> None:
    host.reset()
