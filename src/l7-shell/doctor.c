/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/doctor.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/probe.h"
#include "l7-shell/tool-line.h"
#include "l7-shell/up-config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_COLUMNS = 22, TEXT_BYTES = 256, OTHERS = S_IRWXG | S_IRWXO };

void doctor_say(struct doctor *doctor, enum doctor_state state, const char *name,
		const char *detail, const char *meaning)
{
	static const struct {
		const char *word;
		unsigned style;
	} states[] = {
		[DOCTOR_IN_FORCE] = { "in force", STYLE_GOOD },
		[DOCTOR_DEGRADED] = { "degraded", STYLE_ASK },
		[DOCTOR_ABSENT] = { "absent", STYLE_DIM },
		[DOCTOR_BROKEN] = { "MISSING", STYLE_BAD },
	};

	screen_own(doctor->out, states[state].style, "%-9s ", states[state].word);
	screen_own(doctor->out, STYLE_BOLD, "%-*s ", NAME_COLUMNS, name);
	screen_foreign(doctor->out, STYLE_PLAIN, detail, 0);
	if (state != DOCTOR_IN_FORCE && *meaning) {
		screen_own(doctor->out, STYLE_DIM, *detail ? " (" : "(");
		screen_foreign(doctor->out, STYLE_DIM, meaning, 0);
		screen_own(doctor->out, STYLE_DIM, ")");
	}
	screen_own(doctor->out, STYLE_PLAIN, "\n");
	if (state == DOCTOR_BROKEN)
		doctor->broken++;
}

static void heading(struct doctor *doctor, const char *text)
{
	screen_own(doctor->out, STYLE_BOLD | STYLE_HEAD, "%s\n", text);
}

static enum doctor_state judge(const struct probe *probe, enum probe_state state)
{
	switch (state) {
	case PROBE_YES:
		return DOCTOR_IN_FORCE;
	case PROBE_PARTLY:
		return DOCTOR_DEGRADED;
	case PROBE_NO:
	case PROBE_UNKNOWN:
		break;
	}
	return probe->needed ? DOCTOR_BROKEN : DOCTOR_ABSENT;
}

static void say_kernel(struct doctor *doctor)
{
	heading(doctor, "kernel");
	for (size_t i = 0; i < probe_table_count; i++) {
		struct probe_result result = { 0 };

		probe_table[i].run(&result);
		doctor_say(doctor, judge(&probe_table[i], result.state), probe_table[i].name,
			   result.detail, probe_table[i].without);
	}
}

static void say_file(struct doctor *doctor, struct shell *shell, const char *name, bool directory)
{
	auto_fd int fd = directory ? dup(shell->state_fd)
				   : dir_open_nolink(shell->state_fd, name, O_RDONLY, 0);
	char text[TEXT_BYTES];
	struct stat st;

	if (fd == -ENOENT)
		return; /* not every state has one */
	if (fd < 0 || fstat(fd, &st) < 0) {
		doctor_say(doctor, DOCTOR_BROKEN, name, strerror(fd < 0 ? -fd : errno), "");
		return;
	}
	(void)snprintf(text, sizeof(text), "mode %04o, uid %u%s%.120s", st.st_mode & 07777,
		       (unsigned)st.st_uid, directory ? ", " : "",
		       directory ? shell->paths.state : "");
	if ((st.st_mode & OTHERS) || st.st_uid != geteuid())
		doctor_say(doctor, DOCTOR_BROKEN, name, text,
			   "others can read what belongs to one person: chmod go= it");
	else
		doctor_say(doctor, DOCTOR_IN_FORCE, name, text, "");
}

static void say_weights(struct doctor *doctor, const struct up_paths *paths)
{
	auto_fd int fd = paths->model ? dir_open_configured(paths->model, O_RDONLY, 0) : -ENOENT;
	char size[TOOL_LINE_SPAN_BYTES], text[TEXT_BYTES];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		doctor_say(doctor, DOCTOR_BROKEN, "local model",
			   paths->model ? strerror(-fd) : "no file",
			   "the configured backend is the local model: ./clawos run fetches it");
		return;
	}
	tool_line_size((uint64_t)st.st_size, size);
	(void)snprintf(text, sizeof(text), "%.160s, %s", paths->model, size);
	doctor_say(doctor, DOCTOR_IN_FORCE, "local model", text, "");
}

/* The configuration as a start from here would read it. */
static void say_configuration(struct doctor *doctor, struct shell *shell)
{
	CLEANUP(up_config_free) struct up_config config = { 0 };
	auto_buf struct buf file = BUF(UP_CONFIG_MAX);
	struct error err = { 0 };
	const char *backend, *where;
	int r = dir_read(shell->state_fd, "clawos.conf", &file);

	r = r < 0 && r != -ENOENT ? FAIL(&err, r, "clawos.conf: %s", strerror(-r))
				  : up_config_load(buf_string(&file), getenv, &config, &err);
	if (r < 0) {
		doctor_say(doctor, DOCTOR_BROKEN, "configuration", err.text, "nothing starts");
		return;
	}
	backend = up_config_get(&config, "provider", "backend");
	where = up_config_get(&config, "provider", "base_url");
	if (strcmp(backend, "local") == 0)
		say_weights(doctor, &shell->paths);
	else
		doctor_say(doctor, DOCTOR_IN_FORCE, "provider", where ? where : backend, "");
}

static void say_later(struct doctor *doctor)
{
	static const struct {
		const char *name, *meaning;
	} later[] = {
		{ "L1 hardware trust", "boot is not measured, nothing is sealed" },
		{ "L3 encryption", "documents lie in plain text in the state directory" },
		{ "L4 monitor",
		  "what a tool really did is known from its cage only, not from the kernel" },
		{ "L5 WASM tools", "only the built-in tools exist" },
	};

	heading(doctor, "not part of this version");
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		doctor_say(doctor, DOCTOR_ABSENT, later[i].name, "", later[i].meaning);
}

int doctor_run(struct shell *shell, const char *const args[], struct error *err)
{
	struct doctor doctor = { .out = &shell->out };
	struct error why = { 0 };

	(void)args;
	(void)err;
	say_kernel(&doctor);
	heading(&doctor, "state");
	say_file(&doctor, shell, "state directory", true);
	say_file(&doctor, shell, "clawos.conf", false);
	say_file(&doctor, shell, "provider.key", false);
	say_file(&doctor, shell, "history", false);
	say_configuration(&doctor, shell);
	heading(&doctor, "system");
	if (shell_connect(shell, &why) < 0) {
		doctor_say(&doctor, DOCTOR_BROKEN, "daemons", why.text, "nothing can be asked");
	} else {
		doctor_daemons(&doctor, shell);
		doctor_agent(&doctor, shell);
		doctor_cage(&doctor, shell);
	}
	say_later(&doctor);
	return doctor.broken > 0 ? SHELL_FAILED : SHELL_ANSWERED;
}
