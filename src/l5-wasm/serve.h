/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * serve - tool calls on a stream, one after the other, until it ends (L5).
 *
 * Errors     -EPROTO when the peer breaks the contract, else the errno of the stream.
 * Source     spec/toolwork.md
 * Tests      tests/process/test-toolwork.py
 */
#pragma once

#include "base/error.h"

/* Both descriptors are borrowed. 0 at the end of the stream. */
must_check int serve(int stream_fd, int workspace_fd, struct error *err);
