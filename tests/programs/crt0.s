# SPDX-License-Identifier: MIT
# Start of a test program: a stack, main, and halt with what main returned.
	.text
	.globl	_start
	.type	_start, @function
_start:
	la	sp, stack_end
	call	main
	halt	a0
	.size	_start, .-_start

# int console(int c): the platform's HC_CONSOLE, which wants working registers equal to their shadows
	.globl	console
	.type	console, @function
console:
	commit	0
	hostcall	a0, a0, 1
	ret

	.bss
	.align	4
	.skip	65536
stack_end:
	.skip	16
