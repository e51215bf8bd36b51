/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/model-choice.h"

#include "base/cleanup.h"
#include "base/dir.h"
#include "base/nearest.h"
#include "l6-agent/provider-address.h"
#include "l6-agent/provider-config.h"
#include "l7-shell/conf-edit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { CONF_MODE = 0600, PATH_BYTES = 128 };

static const char conf_name[] = "clawos.conf";

/* Names of the environment that count more than the file. */
static const struct {
	const char name[24];
	bool is_bound; /* to the provider it was meant for */
} variables[] = {
	{ "LLM_BACKEND", false }, { "LLM_MODEL", false },        { "LLM_BASE_URL", true },
	{ "LLM_API_KEY", true },  { "LLM_EXTRA_HEADERS", true },
};

struct choice {
	struct shell *shell;
	const struct provider_row *row;
	const char *model, *base_url; /* as asked for */
	struct up_config now;
	struct buf text; /* of the file */
	bool is_other;   /* another provider than the one in force, or another address */
};

int model_choice_load(struct shell *shell, struct up_config *ret, struct buf *ret_text,
		      struct error *err)
{
	auto_buf struct buf text = BUF(UP_CONFIG_MAX);
	int r = dir_read(shell->state_fd, conf_name, &text);

	if (r < 0 && r != -ENOENT)
		return FAIL(err, r, "%s/%s: %s", shell->paths.state, conf_name, strerror(-r));
	r = up_config_load(buf_string(&text), getenv, ret, err);
	if (r >= 0 && ret_text) {
		*ret_text = text;
		text = BUF(1);
	}
	return r;
}

static void key_path(const struct provider_row *row, char ret[static PATH_BYTES])
{
	(void)snprintf(ret, PATH_BYTES, "%s.key", row->name); /* fits: names are short */
}

bool model_choice_has_key_file(const struct shell *shell, const struct provider_row *row)
{
	char path[PATH_BYTES];
	auto_fd int fd = -1;

	key_path(row, path);
	fd = dir_open_nolink(shell->state_fd, path, O_RDONLY, 0);
	return fd >= 0;
}

static int find_row(const char *name, const struct provider_row **ret, struct error *err)
{
	const char *near;

	for (size_t i = 0; i < provider_count; i++) {
		if (strcmp(provider_table[i].name, name) != 0)
			continue;
		*ret = &provider_table[i];
		return 0;
	}
	near = nearest_name(name, provider_backends, provider_count);
	return FAIL(err, -EINVAL, "there is no provider \"%.60s\"%s%s%s", name,
		    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static const char *get(const struct choice *choice, const char *key)
{
	return up_config_get(&choice->now, "provider", key);
}

static bool is_other(const struct choice *choice)
{
	const char *now = get(choice, "base_url");

	if (strcmp(get(choice, "backend"), choice->row->name) != 0)
		return true;
	now = now ? now : choice->row->base_url;
	return choice->base_url && (!now || strcmp(choice->base_url, now) != 0);
}

/* An address and a model have to come from somewhere. */
static int check_names(const struct choice *choice, struct error *err)
{
	const struct provider_row *row = choice->row;
	bool has_url = choice->base_url || row->base_url || !choice->is_other;

	if (row->protocol == PROTOCOL_LOCAL)
		return choice->shell->paths.model
			       ? 0
			       : FAIL(err, -EINVAL,
				      "there is no file of a local model; ./clawos run fetches "
				      "one");
	if (!has_url)
		return FAIL(err, -EINVAL, "%s needs an address: use %s MODEL BASE_URL", row->name,
			    row->name);
	if (choice->base_url && provider_address_check(choice->base_url, err) < 0)
		return -EINVAL;
	if (!choice->model && !row->model)
		return FAIL(err, -EINVAL, "%s has no model of its own: use %s MODEL", row->name,
			    row->name);
	return 0;
}

/* The key in force belongs to the provider in force. */
static int check_key(const struct choice *choice, struct error *err)
{
	const struct provider_row *row = choice->row;
	const char *value = row->key_variable ? getenv(row->key_variable) : NULL;

	if (!provider_needs_key(row) || (value && *value))
		return 0;
	if (!choice->is_other && (choice->now.provider_key || get(choice, "key_file")))
		return 0;
	if (model_choice_has_key_file(choice->shell, row))
		return 0;
	return FAIL(err, -ENOKEY, "%s needs a key: set %s, or write it into %s/%s.key (chmod 600)",
		    row->name, row->key_variable, choice->shell->paths.state, row->name);
}

/* A system that does not run has no turns. */
static int check_idle(struct shell *shell, struct error *err)
{
	return shell_attach(shell, NULL) < 0 ? 0 : up_check_idle(shell->run_fd, err);
}

static int edit(struct choice *choice, struct error *err)
{
	static const char *const own[] = { "base_url", "key_file", "extra_headers", "model" };
	struct buf *text = &choice->text;
	char path[PATH_BYTES];
	int r = 0;

	key_path(choice->row, path);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]) && r >= 0; i++)
		if (choice->is_other || strcmp(own[i], "model") == 0)
			r = conf_edit_comment(text, "provider", own[i]);
	if (r >= 0)
		r = conf_edit_set(text, "provider", "backend", choice->row->name);
	if (r >= 0 && choice->model)
		r = conf_edit_set(text, "provider", "model", choice->model);
	if (r >= 0 && choice->base_url)
		r = conf_edit_set(text, "provider", "base_url", choice->base_url);
	if (r >= 0 && choice->is_other && model_choice_has_key_file(choice->shell, choice->row))
		r = conf_edit_set(text, "provider", "key_file", path);
	return r < 0 ? FAIL(err, r, "%s: %s", conf_name, strerror(-r)) : 0;
}

/* Told once: the next claw of this terminal would go back. */
static void leave_environment(struct choice *choice)
{
	struct shell *shell = choice->shell;
	struct screen *screen = shell->repl ? &shell->out : &shell->notes;

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *name = variables[i].name;

		if (!getenv(name) || (variables[i].is_bound && !choice->is_other))
			continue;
		screen_own(screen, STYLE_DIM,
			   "%s is left aside now and counts again at the next start: unset it\n",
			   name);
		(void)unsetenv(name);
	}
}

static int write_choice(struct choice *choice, struct error *err)
{
	struct shell *shell = choice->shell;
	int r = edit(choice, err);

	if (r < 0)
		return r;
	r = dir_replace(shell->state_fd, conf_name, buf_string(&choice->text), choice->text.length,
			CONF_MODE);
	return r < 0 ? FAIL(err, r, "%s/%s: %s", shell->paths.state, conf_name, strerror(-r)) : 0;
}

int model_choice_make(struct shell *shell, const char *name, const char *model,
		      const char *base_url, struct error *err)
{
	struct choice choice = { .shell = shell, .model = model, .base_url = base_url };
	int r = find_row(name, &choice.row, err);

	if (r < 0)
		return r;
	r = model_choice_load(shell, &choice.now, &choice.text, err);
	if (r < 0)
		return r;
	choice.is_other = is_other(&choice);
	r = check_names(&choice, err);
	if (r >= 0)
		r = check_key(&choice, err);
	if (r >= 0)
		r = check_idle(shell, err);
	if (r >= 0)
		r = write_choice(&choice, err);
	if (r >= 0) {
		leave_environment(&choice);
		r = up_ensure(&shell->paths, err);
	}
	up_config_free(&choice.now);
	buf_free(&choice.text);
	return r;
}
