// SPDX-FileCopyrightText: 2026 GPT Image Authors
// SPDX-License-Identifier: GPL-3.0-or-later

// A job type for Flamenco 3: the pictures of a job file, spread over the farm's workers in chunks.
// Put it into the folder "scripts" beside the Manager. The workers need Blender with the extension, and a key where one is needed.

const JOB_TYPE = {
    label: "GPT Image Pictures",
    description: "Make the pictures of a GPT Image job file (JSON or CSV). What is made already is not paid again",
    settings: [
        { key: "jobs_file", type: "string", subtype: "file_path", required: true, visible: "submission",
          description: "The job file, where all workers find it" },
        { key: "jobs", type: "string", required: true, default: "1-10", visible: "submission",
          description: "Which jobs of the file. Examples: '1-60', '3, 5-10'" },
        { key: "chunk_size", type: "int32", default: 10, propargs: {min: 1}, visible: "submission",
          description: "Number of jobs in one task" },
        { key: "tasks_at_once", type: "int32", default: 2, propargs: {min: 1}, visible: "submission",
          description: "How many tasks may run at the same time, on all workers together" },
        { key: "concurrency", type: "int32", default: 4, propargs: {min: 1, max: 32}, visible: "submission",
          description: "How many requests each task sends at once" },
        { key: "budget", type: "float", default: 0, propargs: {min: 0}, visible: "submission",
          description: "US dollars that the whole job may cost; each task has its share. 0 is no limit" },
        { key: "service", type: "string", default: "practice", visible: "submission",
          description: "practice, openai, or the base URL of a compatible server" },
        { key: "data_folder", type: "string", subtype: "dir_path", required: true, visible: "submission",
          description: "Where requests and pictures are kept. All workers must share it: then a task that is tried again pays for nothing twice" },
        { key: "blendfile", type: "string", required: true, description: "The .blend file that the jobs speak of", visible: "web" },
    ]
};

function compileJob(job) {
    const settings = job.settings;
    if (settings.chunk_size < 1 || settings.tasks_at_once < 1 || settings.concurrency < 1 || settings.budget < 0) {
        throw "chunk_size, tasks_at_once and concurrency must be 1 or more, the budget 0 or more";
    }
    const chunks = frameChunker(settings.jobs, settings.chunk_size);
    const tasks = chunks.map(chunk => authorTask(settings, chunk, chunks.length));
    tasks.forEach((task, i) => {
        // As many lanes as tasks may run at once; in a lane each waits for the one before.
        if (i >= settings.tasks_at_once) {
            task.addDependency(tasks[i - settings.tasks_at_once]);
        }
        job.addTask(task);
    });
}

function authorTask(settings, chunk, count) {
    const task = author.Task(`pictures-${chunk}`, "blender");
    const online = settings.service === "practice" ? [] : ["--online-mode"];
    // Rounded down: the shares together are never more than the whole.
    const budget = settings.budget > 0 ? ["--budget", (Math.floor(settings.budget / count * 10000) / 10000).toFixed(4)] : [];
    task.addCommand(author.Command("exec", {
        exe: "{blender}",
        args: ["--background", settings.blendfile].concat(online, [
            "--command", "gptimage", "run", settings.jobs_file,
            "--only", chunk,
            "--service", settings.service,
            "--data", settings.data_folder,
            "--concurrency", `${settings.concurrency}`,
        ], budget),
    }));
    return task;
}
