/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/up-agent.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/dir.h"
#include "base/number.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { FILE_BYTES_MAX = 256 };

const char *up_agent_name_problem(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (n == 0 || n >= UP_AGENT_NAME_BYTES || name[n] != '\0' || *name == '-')
		return "an agent's name has 1 to 31 of the characters a-z, 0-9 and -";
	return "";
}

static bool parse(const char *text, struct up_agent *ret)
{
	const char *name = strncmp(text, "name=", 5) == 0 ? text + 5 : "";
	size_t length = strcspn(name, "\n");
	const char *number = name + length;
	char digits[16];
	uint64_t value;
	size_t n;

	if (length == 0 || length >= UP_AGENT_NAME_BYTES || strncmp(number, "\nnumber=", 8) != 0)
		return false;
	n = strcspn(number + 8, "\n");
	if (n >= sizeof(digits) || strcmp(number + 8 + n, "\n") != 0)
		return false;
	memcpy(digits, number + 8, n);
	digits[n] = '\0';
	memcpy(ret->name, name, length);
	ret->name[length] = '\0';
	if (number_parse_u64(digits, 0, UP_AGENTS_MAX, &value) < 0 ||
	    *up_agent_name_problem(ret->name))
		return false;
	ret->number = (unsigned)value;
	return (ret->number == 0) == (strcmp(ret->name, UP_AGENT_DEFAULT) == 0);
}

int up_agent_read(int state_fd, struct up_agent *ret, struct error *err)
{
	auto_buf struct buf text = BUF(FILE_BYTES_MAX);
	struct up_agent agent;
	int r = dir_read(state_fd, "agent", &text);

	if (r < 0)
		return FAIL(err, r, "the state's file agent: %s", strerror(-r));
	if (!parse(buf_string(&text), &agent))
		return FAIL(err, -EBADMSG,
			    "the state's file agent is damaged; it is two lines, name=NAME and "
			    "number=N");
	*ret = agent;
	return 0;
}

int up_agent_write(int state_fd, const struct up_agent *agent, struct error *err)
{
	auto_buf struct buf text = BUF(FILE_BYTES_MAX);
	int r = buf_printf(&text, "name=%s\nnumber=%u\n", agent->name, agent->number);

	if (r >= 0)
		r = dir_replace(state_fd, "agent", buf_string(&text), text.length, 0600);
	return r < 0 ? FAIL(err, r, "the state's file agent: %s", strerror(-r)) : 0;
}

int up_agent_settle(int state_fd, struct up_agent *ret, struct error *err)
{
	struct up_agent made = { .name = UP_AGENT_DEFAULT };
	int r = up_agent_read(state_fd, ret, err);

	if (r != -ENOENT)
		return r;
	*err = (struct error){ 0 };
	r = up_agent_write(state_fd, &made, err);
	if (r == 0)
		*ret = made;
	return r;
}

int up_agent_find(const struct up_paths *of_default, const char *name, struct up_paths *ret,
		  struct error *err)
{
	char state[PATH_MAX];
	struct up_agent agent;
	auto_fd int fd = -1;

	if (*up_agent_name_problem(name))
		return FAIL(err, -EINVAL, "%s", up_agent_name_problem(name));
	if (snprintf(state, sizeof(state), "%s/agents/%s", of_default->state, name) >=
	    (int)sizeof(state))
		return FAIL(err, -ENAMETOOLONG, "the state's path is too long");
	fd = dir_open_configured(state, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -ENOENT || (fd >= 0 && up_agent_read(fd, &agent, err) == -ENOENT))
		return FAIL(err, -ENOENT, "there is no agent \"%s\": claw agent new %s makes it",
			    name, name);
	if (fd < 0)
		return FAIL(err, fd, "%s: %s", state, strerror(-fd));
	if (err->code < 0)
		return err->code;
	return up_paths_find(state, ret, err);
}
