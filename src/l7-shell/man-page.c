/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l7-shell/man-page.h"

#include "base/buf.h"
#include "l7-shell/repl.h"
#include "l7-shell/shell.h"
#include "l7-shell/verbs.h"

#include <string.h>

enum { TEXT_BYTES_MAX = 256 * 1024 };

/* Text that is taken as it stands: no request, no escape, a minus sign that can be copied. */
static int add_text(const char *text, struct buf *out)
{
	int r = *text == '.' || *text == '\'' ? buf_add_string(out, "\\&") : 0;

	for (; *text && r == 0; text++) {
		if (*text == '\\')
			r = buf_add_string(out, "\\e");
		else if (*text == '-')
			r = buf_add_string(out, "\\-");
		else if (*text == '"')
			r = buf_add_string(out, "\\(dq");
		else
			r = buf_add_char(out, *text);
	}
	return r;
}

static int add_line(const char *text, struct buf *out)
{
	int r = add_text(text, out);

	return r < 0 ? r : buf_add_char(out, '\n');
}

static int add_commands(const struct command_table *table, const char *prefix, struct buf *out)
{
	int r = 0;

	for (size_t i = 0; i < table->n && r == 0; i++) {
		const struct command *row = &table->rows[i];

		r = buf_printf(out, ".TP\n\\fB%s", prefix);
		if (r == 0)
			r = add_text(row->name, out);
		if (r == 0)
			r = buf_add_string(out, *row->usage ? "\\fR " : "\\fR");
		if (r == 0)
			r = add_line(row->usage, out);
		if (r == 0)
			r = add_line(row->summary, out);
	}
	return r;
}

static int add_options(struct buf *out)
{
	struct option_words option;
	int r = 0;

	for (size_t i = 0; options_words(i, &option) && r == 0; i++) {
		r = buf_add_string(out, ".TP\n\\fB");
		if (r == 0 && option.letter)
			r = buf_printf(out, "\\-%c\\fR, \\fB", option.letter);
		if (r == 0)
			r = buf_add_string(out, "\\-\\-");
		if (r == 0)
			r = add_text(option.name, out);
		r = r < 0 ? r
			  : buf_printf(out, "\\fR%s%s%s\n", option.value ? " \\fI" : "",
				       option.value ? option.value : "",
				       option.value ? "\\fR" : "");
		if (r == 0)
			r = add_line(option.help, out);
	}
	return r;
}

#define FRONT \
	".SH NAME\nclaw \\- talk to an AI agent that is part of the operating system\n" \
	".SH SYNOPSIS\n.B claw\n[\\fIOPTIONS\\fR]\n.br\n.B claw\n[\\fIOPTIONS\\fR] \\fB\\-m\\fR " \
	"\\fITEXT\\fR\n.br\n" \
	".B claw\n\\fIVERB\\fR [\\fIARGUMENTS\\fR]\n.br\n.B claw\n[\\fB\\-l\\fR] \\fB\\-c\\fR " \
	"\\fITEXT\\fR | \\fISCRIPT\\fR\n" \
	".SH DESCRIPTION\nWithout a verb, claw is an interactive shell: what is typed is a " \
	"message to the agent,\n" \
	"whose answer streams; what the agent does with tools is shown, and what would leave the " \
	"machine is\n" \
	"asked about. With \\fB\\-m\\fR one message is answered; standard input is its context.\n"

#define SIGNS \
	".SH WHAT IS TYPED\n" \
	".TP\n\\fITEXT\\fR\na message to the agent; in the command mode a command\n" \
	".TP\n\\fB?\\fITEXT\\fR\na message to the agent, always\n" \
	".TP\n\\fB!\\fICOMMAND\\fR\na command for the host's shell, with your rights\n" \
	".TP\n\\fB^\\fIQUESTION\\fR\na message about what the last command said, which goes " \
	"along\n" \
	".TP\n\\fB/\\fINAME\\fR\none of the commands below\n"

#define BACK \
	".SH EXIT STATUS\n.TP\n0\nanswered\n.TP\n1\nfailed\n.TP\n2\nsomething was " \
	"denied\n.TP\n3\nof " \
	"\\fBstatus\\fR: the system is stopped\n.TP\n64\nwrong " \
	"usage\n.TP\n130\ninterrupted\n.PP\n" \
	"With \\fB\\-c\\fR, \\fB\\-s\\fR or a script: that of the host's shell.\n" \
	".SH ENVIRONMENT\n.TP\n\\fBCLAWOS_STATE\\fR\nthe state " \
	"directory\n.TP\n\\fBNO_COLOR\\fR\nno colours, when it is set and not " \
	"empty\n.TP\n\\fBCLAWOS_SCREEN_READER\\fR\nas \\fB\\-\\-screen\\-reader\\fR, when it is " \
	"set and not empty\n.TP\n\\fBLLM_BACKEND\\fR, \\fBLLM_MODEL\\fR, \\fBLLM_BASE_URL\\fR, " \
	"\\fBLLM_API_KEY\\fR\nthe provider that answers\n"

int man_page_print(struct shell *shell, const char *const args[], struct error *err)
{
	auto_buf struct buf text = BUF(TEXT_BYTES_MAX);
	int r = buf_printf(&text, ".TH CLAW 1 \"\" \"ClawOS %s\"\n" FRONT ".SH VERBS\n",
			   CLAW_VERSION);

	(void)args;
	if (r == 0)
		r = add_commands(&verbs_table, "", &text);
	if (r == 0)
		r = buf_add_string(&text, ".SH OPTIONS\n");
	if (r == 0)
		r = add_options(&text);
	if (r == 0)
		r = buf_add_string(&text, SIGNS ".SH COMMANDS AT THE PROMPT\n");
	if (r == 0)
		r = add_commands(&repl_commands, "/", &text);
	if (r == 0)
		r = buf_add_string(&text, BACK);
	if (r < 0)
		return FAIL(err, r, "manual page: %s", strerror(-r));
	screen_put(&shell->out, STYLE_PLAIN, text.data, text.length);
	return 0;
}
