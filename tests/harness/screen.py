# SPDX-License-Identifier: Apache-2.0 OR MIT
"""A model of a terminal's screen: what a person would see of the bytes a program wrote.

    screen = Screen(80, 24)
    screen.feed(terminal.output)
    screen.lines()      # the rows, without blanks at their ends
    screen.cursor()     # (row, column)

Knows what the shell may write and nothing else: an unknown sequence is an error. joined: emoji that are joined take
two columns together, as on newer terminals; else each takes its own.
"""
import re
import unicodedata

SEQUENCE = re.compile(r"\x1b(?:\[([?0-9;]*)([A-Za-z@])|([78DM]))")


class Screen:
    def __init__(self, columns=80, rows=24, joined=False):
        self.columns, self.rows, self.joined = columns, rows, joined
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.saved = (0, 0)
        self.history = []  # rows that went off at the top
        self.pending = False
        self.last = ""

    def feed(self, text):
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                match = SEQUENCE.match(text, at)
                if not match:
                    raise AssertionError(f"unknown sequence {text[at:at + 12]!r}")
                self.sequence(*match.groups())
                at = match.end()
                continue
            self.character(text[at])
            at += 1
        return self

    def width(self, code):
        if unicodedata.category(code) in ("Mn", "Me", "Cf"):
            return 0
        if self.joined and (self.last == "\u200d" or "\U0001f3fb" <= code <= "\U0001f3ff"):
            return 0
        return 2 if unicodedata.east_asian_width(code) in ("W", "F") else 1

    def character(self, code):
        if code == "\r":
            self.column, self.pending = 0, False
        elif code == "\n":
            self.pending = False
            self.down()
        elif ord(code) < 32 or ord(code) == 127:
            raise AssertionError(f"control character {code!r}")
        else:
            self.put(code)
            self.last = code

    def put(self, code):
        width = self.width(code)
        if width == 0:
            before = self.column - (0 if self.pending else 1)
            while before > 0 and self.cells[self.row][before] == "":
                before -= 1
            self.cells[self.row][max(before, 0)] += code
            return
        if self.pending or self.column + width > self.columns:
            self.column, self.pending = 0, False
            self.down()
        self.cells[self.row][self.column] = code
        if width == 2:
            self.cells[self.row][self.column + 1] = ""
        self.column += width
        if self.column >= self.columns:
            self.column, self.pending = self.columns - 1, True

    def down(self):
        if self.row == self.rows - 1:
            self.history.append("".join(self.cells.pop(0)).rstrip())
            self.cells.append([" "] * self.columns)
        else:
            self.row += 1

    def erase(self, row, start, end):
        for column in range(start, end):
            self.cells[row][column] = " "

    def sequence(self, parameters, final, short):
        number = int(parameters) if (parameters or "").isdigit() else 0
        if short == "7":
            self.saved = (self.row, self.column)
        elif short == "8":
            (self.row, self.column), self.pending = self.saved, False
        elif short == "D":
            self.down()
        elif final == "A":
            self.row, self.pending = max(0, self.row - max(1, number)), False
        elif final == "K":
            self.erase(self.row, self.column, self.columns)
        elif final == "J" and number == 2:
            for row in range(self.rows):
                self.erase(row, 0, self.columns)
        elif final == "J":
            self.erase(self.row, self.column, self.columns)
            for row in range(self.row + 1, self.rows):
                self.erase(row, 0, self.columns)
        elif final == "H":
            self.row = self.column = 0
        elif final not in ("m", "h", "l") or final in "hl" and parameters != "?2004":
            raise AssertionError(f"unknown sequence ESC [ {parameters} {final}")

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def text(self):
        """Everything, what went off at the top included."""
        return "\n".join(self.history + self.lines()).rstrip("\n")

    def cursor(self):
        return self.row, self.column
