# SPDX-FileCopyrightText: 2026 GPT Image Authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of this Blender session: submitted to the worker, followed, and landed in the scene.

All on the main thread. One timer reads what the worker says; it sleeps when there is nothing to wait for and
survives file load. In background mode no timers run, and `wait` does the timer's work.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import bpy

from .. import blender, core, library
from ..core.errors import GptImageError, InputError, WorkerError, error_from_dict
from ..core.request import Job, JobRecord, JobState, Service
from . import notice, online
from .budget import SESSION, Budget
from .gallery import Gallery
from .job_view import JobView, Landed
from .preferences import read_preferences

__all__ = ("Host", "JobView", "Landed", "SESSION", "host")

log = logging.getLogger(__name__)

TICK_S = 0.1
SLOW_TICK_S = 2.0                       # while all that is awaited is in batches, which take hours
PRACTICE_LATENCY_S = 1.5                # long enough to see the queue at work
MAX_RESTARTS = 3
PROGRESS_S = 0.5                        # how often the time that is left is drawn anew
UNFINISHED_EVERY_S = 0.5                # for one job: a service may stream faster than it pays to look
# Shows the image of an unfinished picture where the finished one will be.
Preview = Callable[[Job, bpy.types.Image], None]
# Brings a job's result, whose files are in the folder, into the scene.
Land = Callable[[Job, JobRecord, Path], "Landed"]
# The jobs that follow a landed one, with their inputs.
PlanFollowUps = Callable[[Job, "Landed"], Sequence[tuple[Job, Mapping[str, bytes]]]]


class Host:
    """One session's queue. `data_dir` and `practice_latency_s` can be set before the first job."""

    def __init__(self) -> None:
        self.jobs: dict[str, JobView] = {}
        self.landings: dict[str, Land] = {}         # by the job's kind; operators/ fills it in
        self.previews: dict[str, Preview] = {}      # the same
        self.icons: dict[str, int] = {}             # of unfinished pictures, by the job's id
        self.follow_ups: dict[str, PlanFollowUps] = {}      # the same
        self.keys: dict[Service, core.protocol.KeyState] = {}
        self.connection: core.protocol.ConnectionChecked | None = None
        self.trouble: GptImageError | None = None
        self.concurrency: int | None = None         # instead of the preferences'
        self.reuses = False                         # what was asked before is not asked again: for the headless run
        self.paused = False
        self.paces: dict[Service, tuple[int, float]] = {}   # requests at once, and until when none goes (monotonic), as the service asked
        self.show_chart: Callable[[Path], None] | None = None       # operators/ fills it in
        self.budget = Budget(lambda: self.journal.data_dir)
        self.gallery = Gallery(lambda message: self._say(message, answers=1), self._listen, lambda: self.journal.data_dir)
        self.data_dir: Path | None = None
        self.practice_latency_s = PRACTICE_LATENCY_S
        self._worker: blender.process.WorkerProcess | None = None
        self._leaving: list[blender.process.WorkerProcess] = []     # let go of, not ended yet
        self._ready = False
        self._restarts = 0
        self._icons: blender.unfinished.Icons | None = None
        self._unseen: dict[str, float] = {}         # jobs with an unfinished picture to show, and from when on (monotonic)
        self._drawn = 0.0               # when the seconds were last redrawn (monotonic)
        self._looked = 0.0              # when other helpers' jobs were last read (monotonic)
        self._asked = 0                 # answers that are still to come besides those of jobs

    # --- what the artist does -----------------------------------------------------------------------------

    @property
    def journal(self) -> library.journal.Journal:
        return library.journal.Journal(self.data_dir or read_preferences().jobs_dir)

    @property
    def is_ready(self) -> bool:
        """Whether the helper has answered, so that jobs wait only for their turn."""
        return self._ready

    @property
    def worker_pid(self) -> int | None:
        return self._worker.pid if self._worker else None

    def submit(self, job: Job, inputs: Mapping[str, bytes] = {}) -> JobView:
        """Write the job to the journal and give it to the worker.

        Raises InputError when it cannot be written, QuotaError when the budget does not cover it.
        """
        return self.submit_all([(job, inputs)])[0]

    def submit_all(self, jobs: Sequence[tuple[Job, Mapping[str, bytes]]], *, earlier: bool = False) -> list[JobView]:
        """`submit` for jobs that belong together: all of them or none. With `earlier` the latest results of the same requests land instead.

        If the host `reuses`, what was asked before is not asked again: its result lands instead, and where that is uncertain its error stands.
        """
        if earlier:
            found = self._earlier_results(jobs)
        else:
            found = self.find_earlier(jobs, wait=True) if self.reuses else [None] * len(jobs)
        ids = blender.earlier.in_place(jobs, found)
        views = [self._reused(*each, job.with_others(ids)) if each else JobView(job.with_others(ids), JobRecord(job_id=job.id))
                 for (job, _), each in zip(jobs, found, strict=True)]
        new = [(view, inputs) for view, (_, inputs) in zip(views, jobs, strict=True) if not view.reused]
        # Of what waits the wallet does not know yet, nor of what follows a job.
        waiting = [view.job._replace(estimate_usd=0.0) if view.record.sent_at else view.job for view in self.jobs.values()
                   if view.is_active and (view.job.follow_up or not view.record.sent_at)]
        self.budget.check([view.job for view, _ in new], waiting)
        made = []
        try:
            for view, inputs in new:
                self.journal.create(view.job, inputs)
                made.append(view)
        except InputError:
            for view in made:
                self._mark(view.job.id, {"dismissed": True})        # never sent, and not offered either
            raise
        self.trouble = None
        workspace = notice.workspace_name()
        before = [(view.job.id, view.group) for view in self.jobs.values() if view.is_waiting]
        for view in views:
            view.workspace, view.group = workspace, views[0].job.id
            view.elsewhere = not view.record.state.is_final and view.reused and view.job.id not in self.jobs
            self.jobs[view.job.id] = view
            if not view.reused:
                self._give(view)
        together = [view.job.id for view in views if view.is_waiting]
        line = core.queue.take_turns(before, together)
        if line != [*(job_id for job_id, _ in before), *together]:
            self._arrange(line)
        self._wake()
        return views

    def find_earlier(self, jobs: Sequence[tuple[Job, Mapping[str, bytes]]], *, wait: bool = False) -> list[tuple[Job, JobRecord] | None]:
        """For each of the jobs, which belong together, the earlier one that takes its place. With `wait` one on its way is waited for."""
        return blender.earlier.match_earlier(self.journal, jobs, self.jobs, pump=self.pump if wait else None)

    def _reused(self, earlier: Job, record: JobRecord, job: Job) -> JobView:
        """The earlier job's result, to land where this one would have."""
        finish = earlier.finish._replace(parent=job.finish.parent) if earlier.finish and job.finish else earlier.finish
        view = JobView(earlier._replace(kind=job.kind, landing=job.landing, finish=finish, follow_up=job.follow_up), record)
        view.reused, view.collected = True, bool(record.batch) and not self.journal.is_applied(earlier.id)
        return view

    def has_earlier(self, jobs: Sequence[tuple[Job, Mapping[str, bytes]]]) -> bool:
        """Whether all that would be sent was made before. Reads files and the wallet: not for drawing."""
        found = blender.earlier.latest_results(self.journal, jobs)
        return any(found) and all(each or job.is_local for (job, _), each in zip(jobs, found, strict=True))

    def _earlier_results(self, jobs: Sequence[tuple[Job, Mapping[str, bytes]]]) -> list[tuple[Job, JobRecord] | None]:
        found = blender.earlier.latest_results(self.journal, jobs)
        if not all(each or job.is_local for (job, _), each in zip(jobs, found, strict=True)):
            self.budget.look_again()
            raise InputError("The earlier result is gone", field="earlier", hint="Ask again")
        if any(each and each[0].id in self.jobs and self.jobs[each[0].id].is_active for each in found):    # it has a place of its own to land at
            raise InputError("The earlier result is just being applied", field="earlier", hint="Use it again when it has landed")
        return found

    def cancel(self, job_id: str, *, only_unsent: bool = False) -> None:
        """Stop a job; with `only_unsent` one that has left meanwhile goes on, for it is paid."""
        message = core.protocol.Cancel(job_id, only_unsent)
        if job_id in self.jobs:
            self.jobs[job_id].cancelled = message
        self._say(message)

    def stop_here(self, job_id: str) -> None:
        """End a stream: the last unfinished picture is the result."""
        self._say(core.protocol.Stop(job_id))

    def cancel_all(self) -> None:
        """Cancel all that can still be cancelled. What is received or finished by now is kept: it is paid."""
        for view in self.jobs.values():
            if view.is_active and view.record.state not in (JobState.FINISHING, JobState.DONE):
                self.cancel(view.job.id)

    def pause(self, paused: bool) -> None:
        """Send nothing more, or go on. What was sent comes all the same."""
        self.paused = paused
        if not paused:
            self.paces.clear()
        if self._worker:
            self._say(core.protocol.Pause(paused))

    def move(self, job_id: str, steps: int) -> None:
        """Move a waiting job in the line: by -1 it is sent one earlier, by 1 one later; many steps reach the end."""
        line = [view.job.id for view in self.jobs.values() if view.is_waiting]
        if job_id not in line:
            return
        place = line.index(job_id)
        line.insert(max(0, place + steps), line.pop(place))
        self._arrange(line)

    def _arrange(self, line: Sequence[str]) -> None:
        """Send what waits in this order."""
        moved = iter(line)
        in_order = [self.jobs[next(moved)] if view.is_waiting else view for view in self.jobs.values()]
        self.jobs = {view.job.id: view for view in in_order}
        self._say(core.protocol.Arrange(tuple(line)))

    def retry(self, job_id: str) -> JobView:
        """Send the same job again, as a new one: the old one's folder is history."""
        return self.retry_all([job_id])[0]

    def retry_all(self, job_ids: Sequence[str]) -> list[JobView]:
        """`retry` for jobs that go together: all of them or none. Those that are made from others of them are made from the new ones."""
        again = [self._as_new(self.jobs[job_id].job) for job_id in job_ids]
        renamed = {job_id: job.id for job_id, (job, _) in zip(job_ids, again, strict=True)}
        again = [(job.with_others(renamed), inputs) for job, inputs in again]
        views = self.submit_all(again)
        for job_id in job_ids:
            self.dismiss(job_id)
        return views

    def send_overnight(self, job_ids: Sequence[str]) -> None:
        """Send waiting jobs in a batch, at half price. Each is called back first: one that has left meanwhile stays as it is."""
        instead = [self._as_new(self.jobs[job_id].job) for job_id in job_ids]
        renamed = {job_id: job.id for job_id, (job, _) in zip(job_ids, instead, strict=True)}
        for job_id, (old, inputs) in zip(job_ids, instead, strict=True):
            job = old.with_others(renamed)
            if job.finish:                      # of the other islands each may have left or not
                job = job._replace(finish=job.finish._replace(beside=tuple(dict.fromkeys((*old.finish.beside, *job.finish.beside)))))
            request = job.request._replace(batch=True)
            found = core.pricing.estimate(request, job.service.kind)
            self.jobs[job_id].instead = job._replace(request=request, estimate_usd=found.usd if found.known else None), inputs
        for job_id in job_ids:
            self.cancel(job_id, only_unsent=True)

    def _replace(self, view: JobView) -> bool:
        """Send what was called back another way, if nothing of it had left. Whether it was sent."""
        instead, view.instead = view.instead, None
        if view.record.state is not JobState.CANCELLED or view.record.sent_at or instead is None:
            return False
        try:
            self.submit(*instead)
        except GptImageError as error:
            self.trouble = error
            return False
        self.dismiss(view.job.id)
        return True

    def read_job(self, job_id: str) -> Job:
        """A job of the journal, of this session or an earlier one. Raises InputError if its folder is gone."""
        try:
            return self.journal.read_job(job_id)
        except (OSError, ValueError) as error:
            raise InputError("The job's folder is gone", field="job_id", hint="Make the request again") from error

    def repeat(self, job_id: str, *, variants_of: str) -> JobView:
        """Ask for what a job of the journal has asked for once more. Raises InputError if its folder is gone."""
        job = self.read_job(job_id)
        return self.submit(*self._as_new(job._replace(landing=job.landing._replace(variants_of=variants_of))))

    def _as_new(self, job: Job) -> tuple[Job, dict[str, bytes]]:
        """The job under a new id, with its inputs. Raises InputError if its folder is gone, OnlineAccessError."""
        self.read_job(job.id)                   # without its folder it would be sent without its pictures
        folder = self.journal.folder(job.id)
        try:
            inputs = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.glob("inputs/*"))}
        except OSError as error:
            raise InputError(f"The job's pictures cannot be read: {error}", field="job_id", hint="Make the request again") from error
        online.check_online(job.service)
        return job._replace(id=library.journal.new_job_id()), inputs

    def dismiss(self, job_id: str) -> None:
        """Take a settled job off the list, for good. Its folder stays."""
        view = self.jobs.get(job_id)
        if view is None or view.is_active:
            return
        del self.jobs[job_id]
        if view.landed is None:
            self._mark(job_id, {"dismissed": True})

    def land(self, view: JobView) -> Landed:
        """Bring a finished job's pictures into the scene. Raises GptImageError if they cannot be read."""
        try:
            landed = self.landings[view.job.kind](view.job, view.record, self.journal.folder(view.job.id))
        except OSError as error:
            raise WorkerError(f"The finished picture cannot be read: {error}",
                              hint="Look into the job's folder") from error
        view.landed = landed
        view.recovered = False
        self._mark(view.job.id, {"images": list(landed.images), "at": time.time()})
        return landed

    def ask_key(self, service: Service) -> None:
        self._say(core.protocol.AskKey(service), answers=1)

    def store_key(self, service: Service, key: str) -> None:
        self._say(core.protocol.StoreKey(service, key), answers=1)

    def check_connection(self, service: Service) -> None:
        self.connection = None
        self._say(core.protocol.CheckConnection(service, _is_online()), answers=1)

    def configure(self, concurrency: int) -> None:
        if self._worker:
            self._say(core.protocol.Configure(concurrency))

    def draw_chart(self, days: int) -> None:
        """Have what was spent drawn; `show_chart` gets the file."""
        self._say(core.protocol.DrawChart(days), answers=1)

    def apply_budgets(self) -> None:
        """Tell the worker what may be spent from now on, and watch it."""
        if self._worker:
            self._say(core.protocol.SetLimits(self.budget.limits))
        self.budget.watch()

    def recover(self) -> None:
        """Look for jobs of earlier sessions. Every start of the worker does so."""
        if self._worker:
            self._say(core.protocol.Recover(_is_online()), answers=1)
        else:
            self._start()

    def stop(self) -> blender.process.WorkerProcess | None:
        """Let go of the worker: it finishes what was sent, and ends. Gives it back for those who want to wait."""
        worker, self._worker, self._ready = self._worker, None, False
        self._asked = 0                 # who is gone answers no more
        self.paces.clear()
        if worker:
            worker.close()
            self._leaving.append(worker)
        self._leaving = [each for each in self._leaving if not each.wait(0.0)]
        if bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.unregister(self._tick)
        return worker

    def reset(self) -> blender.process.WorkerProcess | None:
        """Let go of the worker and forget the session's jobs: the journal has them. Gives the worker back as `stop`."""
        worker = self.stop()
        self.jobs.clear()
        self.keys.clear()
        self.gallery.close()
        self.connection = self.trouble = None
        self.paused = False
        self.budget.trouble = ""
        self._restarts = 0
        if self._icons:
            self._icons.close()
            self._icons = None
        self.icons.clear()
        return worker

    # --- the worker ---------------------------------------------------------------------------------------

    @property
    def is_busy(self) -> bool:
        """Whether anything is still to come."""
        return self._asked > 0 or any(view.is_active for view in self.jobs.values())

    def _start(self) -> None:
        if self._worker:
            return
        preferences = read_preferences()
        try:
            self._worker = blender.process.WorkerProcess(self.journal.data_dir)
        except OSError as error:
            raise WorkerError(f"The helper process cannot be started: {error}") from error
        self._ready = False
        self._worker.send(core.protocol.Hello(
            core.protocol.PROTOCOL, str(self.journal.data_dir), self.concurrency or preferences.concurrency, self.practice_latency_s))
        if self.paused:
            self._worker.send(core.protocol.Pause(True))
        self._worker.send(core.protocol.SetLimits(self.budget.limits))
        self._say(core.protocol.Recover(_is_online()), answers=1)

    def _say(self, message: core.protocol.Message, answers: int = 0) -> None:
        self._start()
        assert self._worker is not None
        self._asked += answers
        self._worker.send(message)
        self._wake()

    def _give(self, view: JobView) -> None:
        self._say(core.protocol.Submit(view.job.id, _is_online()))

    def _wake(self) -> None:
        if not bpy.app.background and not bpy.app.timers.is_registered(self._tick):
            bpy.app.timers.register(self._tick, first_interval=TICK_S, persistent=True)

    def _listen(self) -> None:
        """Read once what nobody waits for."""
        if self._worker:
            self._wake()

    def _tick(self) -> float | None:
        try:
            self.pump()
        except Exception:               # border: Blender drops a timer that raises, and the queue with it
            log.exception("reading from the helper")
        if time.monotonic() - self._drawn > PROGRESS_S and any(view.is_active and not view.is_waiting for view in self.jobs.values()):
            self._drawn = time.monotonic()
            notice.redraw(all_regions=False)        # the seconds go on
        if not (self.is_busy or (self._worker and not self._ready)):
            return None
        in_batches = self._asked == 0 and all(view.record.batch and view.record.state is JobState.SENDING
                                              for view in self.jobs.values() if view.is_active)
        return SLOW_TICK_S if in_batches else TICK_S

    def pump(self) -> None:
        """Read what the worker has said, and land what is done."""
        if self._worker:
            messages = self._worker.receive()
            for message in messages or ():
                self._hear(message)
            if messages is None:
                self._worker_ended()
        # Changing data while a render reads it can crash Blender: results wait until it is over.
        self._look_elsewhere()
        if not bpy.app.is_job_running("RENDER"):
            self._show_unfinished()
            self._land_finished()

    def _look_elsewhere(self) -> None:
        """Take over what other Blenders' helpers have written of jobs that are awaited here too; a dead one's our own helper goes on with."""
        views = [view for view in self.jobs.values() if view.elsewhere]
        if not views or time.monotonic() - self._looked < SLOW_TICK_S:
            return
        self._looked = time.monotonic()
        for view in views:
            record = self.journal.read_record(view.job.id)
            view.elsewhere = blender.earlier.is_under_way(self.journal, record)
            self._follow(view, record)
        if any(not view.elsewhere and not view.record.state.is_final for view in views):
            self.recover()

    def _show_unfinished(self) -> None:
        """Show the newest unfinished picture of one job: one at a time, so that no redraw has to read more than one."""
        now = time.monotonic()
        for job_id in [job_id for job_id, due in self._unseen.items() if due <= now][:1]:
            del self._unseen[job_id]
            view = self.jobs.get(job_id)
            if view is None or not view.is_active or view.record.state is not JobState.RECEIVING:
                continue
            path = self.journal.folder(job_id) / f"shown-{len(view.record.partials) - 1}.png"       # the small copy
            if not bpy.app.background:
                self._icons = self._icons or blender.unfinished.Icons()
                self.icons[job_id] = self._icons.load(path)
            # A touch-up's is only a window, as the model has shifted it: it fits nowhere yet.
            if read_preferences().show_unfinished and not view.job.finish:
                try:
                    image = blender.unfinished.show(view.job, path)
                    if image and view.job.kind in self.previews:
                        self.previews[view.job.kind](view.job, image)
                except (RuntimeError, GptImageError):       # only a preview: the file is gone, or the target is linked
                    log.warning("job %s: its unfinished picture cannot be shown", job_id, exc_info=True)
            notice.redraw()

    def _hide_unfinished(self, view: JobView) -> list[bpy.types.Area]:
        """End of what `_show_unfinished` began. Gives back the Image Editors that show nothing of the job any more."""
        self._unseen.pop(view.job.id, None)
        if self.icons.pop(view.job.id, None) and self._icons and not self.icons:
            self._icons.clear()
        return blender.unfinished.hide(view.job) if view.record.partials else []

    def _land_finished(self) -> None:
        for view in list(self.jobs.values()):
            if view.is_active and view.record.state is JobState.DONE:
                try:
                    areas = self._hide_unfinished(view)
                    self.land(view)
                    for area in areas:
                        blender.unfinished.show_instead(area, view.landed.images)
                except GptImageError as error:
                    view.landed = Landed((), error.message, complete=False)
                except Exception:       # border, as the timer's: what fails once would else be tried at every tick
                    log.exception("landing job %s", view.job.id)
                    view.landed = Landed((), "The result could not be applied: see Blender's log", complete=False)
                try:
                    self.follow(view)
                except Exception:       # border, the same: the pictures are there all the same
                    log.exception("what follows job %s", view.job.id)
                    view.landed = view.landed._replace(
                        message=f"{view.landed.message}. What was to follow was not asked for: see Blender's log", complete=False)
                notice.tell(f"GPT Image: {view.landed.message}", view.workspace)
                notice.redraw()
                if not bpy.app.background:      # one a tick: Blender reads each picture when it first draws it
                    return

    def follow(self, view: JobView) -> None:
        """Ask for what was to follow the job. A job that is applied by hand, perhaps days later, is followed by nothing: nobody saw that price."""
        if view.job.follow_up is None or view.record.stopped or not view.landed or not view.landed.images:
            return
        try:
            view.followed = self.submit_all(self.follow_ups[view.job.kind](view.job, view.landed))
        except GptImageError as error:
            view.landed = view.landed._replace(
                message=f"{view.landed.message}. What was to follow was not asked for: {error.message}", complete=False)

    def _hear(self, message: core.protocol.Message) -> None:
        match message:
            case core.protocol.Ready():
                self._ready = True
                self.gallery.hear(message)
            case core.protocol.RecordChanged(record):
                if view := self.jobs.get(record.job_id):
                    if record.partials != view.record.partials:
                        self._unseen.setdefault(record.job_id, time.monotonic() + UNFINISHED_EVERY_S * bool(view.record.partials))
                    self._follow(view, record)
                if record.state is JobState.DONE:
                    self._restarts = 0
            case core.protocol.Pace(service, allowed, pause_s):
                self.paces[service] = allowed, time.monotonic() + pause_s
            case core.protocol.Recovered(record):
                self._hear_recovered(record)
            case core.protocol.RecoveryDone():
                self._answered()
            case core.protocol.KeyState(service):
                self._answered()
                self.keys[service] = message
            case core.protocol.ConnectionChecked():
                self._answered()
                self.connection = message
            case core.protocol.ChartDrawn(path, error):
                self._answered()
                if error:
                    self.trouble = error_from_dict(error)
                elif self.show_chart:
                    self.show_chart(Path(path))
            case core.protocol.WalletState(trouble):
                self.budget.trouble = trouble
            case core.protocol.HistoryChanged():
                self.gallery.hear(message)
            case core.protocol.Found() | core.protocol.Measured() | core.protocol.HistoryDone():
                self._answered()
                self.gallery.hear(message)
            case core.protocol.Trouble(error):
                self._answered()            # it stands for the answer that cannot come
                self.trouble = error_from_dict(error)
        notice.redraw(all_regions=False)

    def _follow(self, view: JobView, record: JobRecord) -> None:
        """Take over how far a job has come, and see to its end if it did not bring a result."""
        settled = record.state.is_final and not view.record.state.is_final
        view.follow(record)
        if not settled or (view.instead and self._replace(view)) or record.state is JobState.DONE:
            return
        self._hide_unfinished(view)
        if record.state is not JobState.CANCELLED:
            notice.tell(f"GPT Image: {view.error.message if view.error else record.state}", view.workspace)

    def _answered(self) -> None:
        self._asked = max(0, self._asked - 1)

    def _hear_recovered(self, record: JobRecord) -> None:
        view = self.jobs.get(record.job_id)
        if view is None:
            try:
                job = self.journal.read_job(record.job_id)
            except (OSError, ValueError, InputError):
                return
            self.jobs[record.job_id] = JobView(job, record, recovered=True)
        else:
            view.record = record

    def _worker_ended(self) -> None:
        """The worker is gone while we still have it: start another, which reads the journal and settles the jobs."""
        was_ready = self._ready
        self.stop()
        active = [view for view in self.jobs.values() if view.is_active]
        if was_ready and active and self._restarts < MAX_RESTARTS:
            self._restarts += 1
            self._start()
            for view in active:
                self._follow(view, self.journal.read_record(view.job.id))
                if view.record.is_unsent:
                    self._give(view)    # of the others the new worker reports what became of them
                    if view.cancelled:
                        self._say(view.cancelled)
            return
        trouble = self.trouble or WorkerError("The helper process ended unexpectedly")
        self.trouble = trouble
        for view in active:
            self._hide_unfinished(view)
            state = JobState.UNCERTAIN if view.record.sent_at else JobState.FAILED
            view.record = view.record._replace(state=state, error=trouble.to_dict())

    def wait(self, timeout_s: float) -> bool:
        """Do the timer's work until nothing is to come, or the time is over (False). For background mode."""
        end = time.monotonic() + timeout_s
        while self.is_busy:
            self.pump()
            if time.monotonic() > end:
                return False
            if self.is_busy and self._worker:
                self._worker.wait_readable(0.05)
            elif self.is_busy:
                time.sleep(0.01)
        return True

    def _mark(self, job_id: str, facts: Mapping[str, object]) -> None:
        try:
            self.journal.mark_applied(job_id, facts)
        except OSError:
            log.warning("job %s will be offered again: its folder cannot be written", job_id)


def _is_online() -> bool:
    return bool(bpy.app.online_access)


host = Host()
