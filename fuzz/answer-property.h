/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * answer-property - what holds for the reader of every remote provider's answers, whatever it is
 * sent: text is UTF-8 in whole characters; an answer has ids that differ, names and arguments; a
 * failure has a sentence; and the same bytes read the same in one piece and in many.
 *
 * Input: first byte: its high bit makes it an error status, the rest is the size of the pieces.
 */
#pragma once

#include "l6-agent/model.h"

#include <stddef.h>
#include <stdint.h>

/* Aborts where it does not hold, or where is_carried (NULL: all are) refuses what goes back. */
void answer_property(const struct model_format *format, const uint8_t *data, size_t size,
		     bool (*is_carried)(const char *carried));
