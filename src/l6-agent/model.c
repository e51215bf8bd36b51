/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "l6-agent/model.h"

#include <stdlib.h>
#include <string.h>

void answer_free(struct answer *answer)
{
	if (!answer)
		return;
	for (size_t i = 0; i < answer->n_calls; i++) {
		free(answer->calls[i].id);
		free(answer->calls[i].name);
		free(answer->calls[i].arguments);
	}
	free(answer->calls);
	free(answer->text);
	free(answer->carried);
	memset(answer, 0, sizeof(*answer));
}
