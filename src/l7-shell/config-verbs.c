/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/config-verbs.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "l7-shell/command.h"
#include "l7-shell/conf-edit.h"
#include "l7-shell/env-file.h"
#include "l7-shell/link.h"
#include "l7-shell/status-report.h"
#include "l7-shell/up-config.h"
#include "l7-shell/up-provider.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { SECRET_MODE = 0600, NAMES_MAX = 256 };
static const char conf_name[] = "clawos.conf", key_name[] = "provider.key";

static const struct {
	const char *name, *section, *key, *backend;
} names[] = {
#include "environment.inc"
};

static int read_conf(struct shell *shell, struct buf *text, struct error *err)
{
	int r = dir_read(shell->state_fd, conf_name, text);

	return r < 0 && r != -ENOENT
		       ? FAIL(err, r, "%s/%s: %s", shell->paths.state, conf_name, strerror(-r))
		       : 0;
}

static int load(struct shell *shell, char *(*lookup)(const char *), struct up_config *ret,
		struct error *err)
{
	auto_buf struct buf text = BUF(UP_CONFIG_MAX);
	int r = read_conf(shell, &text, err);

	return r < 0 ? r : up_config_load(buf_string(&text), lookup, ret, err);
}

/* The system that runs may have been started with something else. */
static void tell_difference(struct shell *shell)
{
	auto_json sd_json_variant *reply = NULL;
	enum up_difference difference = UP_SAME;
	struct flow flow;

	if (up_compare(&shell->paths, &difference, NULL) < 0 || difference == UP_SAME ||
	    shell_attach(shell, NULL) < 0 ||
	    link_ask(shell->run_fd, "agent", "io.clawos.Agent.Status", NULL, &reply, NULL) < 0)
		return;
	flow_begin(&flow, &shell->out, 0, 2);
	flow_own(&flow, STYLE_ASK, "the system was started with %s",
		 difference == UP_KEPT ? "another environment" : "something else");
	flow_own(&flow, STYLE_ASK, "in force is");
	status_tell_model(shell, link_field(reply, "status"), &flow);
	flow_own(&flow, STYLE_ASK, "%s",
		 difference == UP_KEPT ? "until claw stop; what follows counts for the next start"
				       : "what follows is in force from the next question on");
	flow_end(&flow);
}

static int run_show(struct shell *shell, const char *const args[], struct error *err)
{
	CLEANUP(up_config_free) struct up_config config = { 0 };
	int r = load(shell, getenv, &config, err);

	(void)args;
	if (r == 0)
		tell_difference(shell);
	for (unsigned i = 0; i < config.n_rows && r == 0; i++) {
		const struct up_config_row *row = &config.rows[i];

		screen_foreign(&shell->out, STYLE_PLAIN, row->section, 0);
		screen_own(&shell->out, STYLE_PLAIN, ".");
		screen_foreign(&shell->out, STYLE_PLAIN, row->key, 0);
		screen_own(&shell->out, STYLE_PLAIN, " = ");
		screen_foreign(&shell->out, STYLE_BOLD, row->value, 0);
		if (row->line > 0)
			screen_own(&shell->out, STYLE_DIM, "   # %s:%u\n", conf_name, row->line);
		else
			screen_own(&shell->out, STYLE_DIM,
				   "   # environment, or follows from it\n");
	}
	if (r == 0 && config.provider_key)
		screen_own(&shell->out, STYLE_DIM,
			   "the provider's key comes from the environment\n");
	return r;
}

static char *no_environment(const char *name)
{
	(void)name;
	return NULL;
}

static int run_check(struct shell *shell, const char *const args[], struct error *err)
{
	CLEANUP(up_config_free) struct up_config config = { 0 };
	int r = load(shell, no_environment, &config, err);

	(void)args;
	if (r == 0)
		r = up_provider_check(&config, err);
	if (r == 0)
		screen_own(&shell->out, STYLE_PLAIN,
			   "%s/%s: sections and form are right; each daemon checks its keys when it"
			   " starts (claw status)\n",
			   shell->paths.state, conf_name);
	return r;
}

/* One import: the file is read twice, first for the backend, then for what counts with it. */
struct import {
	struct shell *shell;
	char backend[64]; /* what LLM_BACKEND says; "" when it says nothing */
	struct buf conf;
	struct buf key; /* the provider's key; wiped */
	unsigned taken, left;
	struct error *err;
};

static void leave(struct import *import, unsigned line, const char *name, const char *reason)
{
	import->left++;
	screen_own(&import->shell->out, STYLE_BAD, "line %u: ", line);
	screen_foreign(&import->shell->out, STYLE_BOLD, name, 0);
	screen_own(&import->shell->out, STYLE_PLAIN, "%s%s\n", *name ? ": " : "", reason);
}

static int take_key(struct import *import, const char *value)
{
	int r;

	buf_truncate(&import->key, 0);
	r = buf_add_string(&import->key, value);
	return r < 0 ? r : buf_add_char(&import->key, '\n');
}

static int take(struct import *import, size_t row, const char *value, unsigned line)
{
	int r;

	if (strcmp(names[row].section, "KEY") == 0)
		r = take_key(import, value);
	else
		r = conf_edit_set(&import->conf, names[row].section, names[row].key, value);
	if (r == -EINVAL) {
		leave(import, line, names[row].name, "its value is not one line of text");
		return 0;
	}
	import->taken++;
	return r;
}

static int on_pair(const char *name, const char *value, unsigned line, void *data)
{
	struct import *import = data;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i].name, name) != 0)
			continue;
		if (*value == '\0') {
			leave(import, line, name, "it is empty");
			return 0;
		}
		if (names[i].backend && strcmp(names[i].backend, import->backend) != 0) {
			leave(import, line, name, "it belongs to another LLM_BACKEND");
			return 0;
		}
		return take(import, i, value, line);
	}
	leave(import, line, name, "not understood");
	return 0;
}

static int on_problem(const char *reason, unsigned line, void *data)
{
	leave(data, line, "", reason);
	return 0;
}

static int on_backend(const char *name, const char *value, unsigned line, void *data)
{
	struct import *import = data;

	(void)line;
	if (strcmp(name, "LLM_BACKEND") == 0 && strlen(value) < sizeof(import->backend))
		memcpy(import->backend, value, strlen(value) + 1);
	return 0;
}

static int pass_over(const char *reason, unsigned line, void *data)
{
	(void)reason;
	(void)line;
	(void)data;
	return 0;
}

/* Key first: a configuration that names a missing key file would stop the system. */
static int write_files(struct import *import)
{
	CLEANUP(up_config_free) struct up_config checked = { 0 };
	struct shell *shell = import->shell;
	int r = 0;

	if (import->key.length > 0)
		r = conf_edit_set(&import->conf, "provider", "key_file", key_name);
	if (r < 0)
		return FAIL(import->err, r, "%s: %s", conf_name, strerror(-r));
	r = up_config_load(buf_string(&import->conf), no_environment, &checked, import->err);
	if (r < 0)
		return r;
	if (import->key.length > 0)
		r = dir_replace(shell->state_fd, key_name, import->key.data, import->key.length,
				SECRET_MODE);
	if (r == 0)
		r = dir_replace(shell->state_fd, conf_name, buf_string(&import->conf),
				import->conf.length, SECRET_MODE);
	return r < 0 ? FAIL(import->err, r, "writing to %s: %s", shell->paths.state, strerror(-r))
		     : 0;
}

static int read_and_write(struct import *import, const struct buf *text)
{
	const struct env_file_acts first = { on_backend, pass_over, import };
	const struct env_file_acts second = { on_pair, on_problem, import };
	int r = env_file_read(buf_string(text), text->length, &first);

	if (r == 0)
		r = env_file_read(buf_string(text), text->length, &second);
	if (r == -EMSGSIZE)
		return FAIL(import->err, r, "the file has a line of more than %d bytes",
			    ENV_FILE_LINE_MAX - 1);
	if (r < 0)
		return FAIL(import->err, r, "%s", strerror(-r));
	if (import->taken == 0)
		return FAIL(import->err, -ENODATA, "the file holds nothing that is understood");
	return write_files(import);
}

static void wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->capacity);
	buf_free(buf);
}

int config_import(struct shell *shell, const char *const args[], struct error *err)
{
	struct import import = { .shell = shell,
				 .conf = BUF(UP_CONFIG_MAX),
				 .key = BUF(ENV_FILE_LINE_MAX),
				 .err = err };
	struct buf text = BUF(ENV_FILE_BYTES_MAX);
	auto_fd int fd = dir_open_configured(args[0], O_RDONLY, 0);
	int r = fd < 0 ? fd : dir_read_fd(fd, &text);

	if (r < 0)
		(void)FAIL(err, r, "%s: %s", args[0], strerror(-r));
	if (r == 0)
		r = read_conf(shell, &import.conf, err);
	if (r == 0)
		r = read_and_write(&import, &text);
	if (r == 0)
		screen_own(&shell->out, STYLE_PLAIN, "%u imported into %s/%s%s, %u left out\n",
			   import.taken, shell->paths.state, conf_name,
			   import.key.length > 0 ? " and provider.key" : "", import.left);
	wipe(&text);
	wipe(&import.key);
	buf_free(&import.conf);
	return r;
}

static const struct command rows[] = {
	{ "show", "", "what is in force", 0, 0, 0, 0, run_show },
	{ "check", "", "read the file and say what is wrong with it", 0, 0, 0, 0, run_check },
	{ "import", "FILE", "take over an .env file", 1, 1, 0, 0, config_import },
};

int config_verb(struct shell *shell, const char *const args[], struct error *err)
{
	static const struct command_table table = { rows, sizeof(rows) / sizeof(rows[0]),
						    "claw config " };

	return command_dispatch(&table, shell, args, err);
}
