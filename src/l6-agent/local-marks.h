/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * local-marks - the bytes that divide a local prompt into turns, the only way a control token of
 * the model comes into being (L6).
 *
 * The writer (local-style.c, in claw-agentd) puts no other byte below 0x20 but tab and line feed
 * into a prompt; the reader (llm-text.c, in claw-llmd) refuses one. Text that spells a control
 * token stays text.
 *
 * Source     spec/local-model.md section 1.
 */
#pragma once

enum local_mark {
	LOCAL_MARK_SYSTEM = 1,    /* a system turn begins */
	LOCAL_MARK_USER = 2,      /* a turn of the person, or a tool result, begins */
	LOCAL_MARK_ASSISTANT = 3, /* a turn of the model begins */
	LOCAL_MARK_END = 4,       /* the turn ends */
};
