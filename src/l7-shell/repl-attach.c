/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Files that go with the next message (L7). */
#include "l7-shell/repl.h"

#include <string.h>

int repl_run_attach(struct shell *shell, const char *const args[], struct error *err)
{
	struct attachments *attachments = &shell->repl->attachments;
	int r = 0;

	if (args[0] && strcmp(args[0], "-") == 0)
		attach_drop(attachments);
	else if (args[0])
		r = attach_add(attachments, args[0], err);
	if (r < 0)
		return r;
	screen_own(&shell->out, STYLE_DIM,
		   attachments->n > 0 ? "with the next message:\n" : "nothing is attached\n");
	attach_tell(attachments, &shell->out);
	return 0;
}
