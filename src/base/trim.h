/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * trim - gives back memory that only the start of a program, or a burst of work, needed.
 *
 * Loading shared libraries touches most of their code once: relocation, constructors, self-tests.
 * Those pages are clean copies of files; a daemon that sits idle for days need not keep them
 * mapped. What is used again comes back by itself, from the page cache.
 *
 * Threads  None may run yet that could notice the delay.
 */
#pragma once

void trim_memory(void);

/*
 * Blocks of 256 KiB and more are given back to the system when they are freed. Without it malloc
 * learns from the first large one and keeps up to 64 MiB from then on: one bad answer would be paid
 * for until the daemon ends. Before the first large block.
 */
void trim_large_blocks(void);
