/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * cage-owner - the owner's verbs to claw-sandboxd, blocking, one answer each (L2).
 *
 * For `claw`: a connection by cage_owner_connect(), closed by the caller when he is done.
 * Workspaces stay registered for claw-sandboxd's life.
 *
 * Errors     The errno of the refusal with its text, -EPROTO for an unexpected answer, -ETIMEDOUT
 *            for one that does not come within ten seconds.
 * Threads    Any; one call at a time per socket.
 */
#pragma once

#include "base/error.h"
#include "l2-kernel/launch-record.h"

#include <stdint.h>

must_check int cage_owner_connect(int dir_fd, const char *path, struct error *err);

/*
 * Registers the directory under the id; mode NONE forgets it (directory_fd is then not used). The
 * caller passes a clone of the mount, so it may live in another mount namespace than claw-sandboxd
 * when it has CAP_SYS_ADMIN there.
 */
must_check int cage_owner_workspace(int socket_fd, uint32_t id, int directory_fd,
				    enum launch_mode mode, struct error *err);

/* Kills every cage of every connection; answers when the last process is gone. */
must_check int cage_owner_stop(int socket_fd, struct error *err);

/* Figures and self-tests. */
must_check int cage_owner_status(int socket_fd, struct launch_status *ret, struct error *err);
