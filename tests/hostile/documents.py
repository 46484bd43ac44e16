"""Hostile LaTeX: documents that try to read, write, run or never end, and strings that reach a paper."""

from __future__ import annotations

READS = {
    "input": r"\input{SECRET}",
    "input of a link": r"\input{link.tex}",
    "include": r"\include{link}",
    "read": r"\newread\f \openin\f=SECRET \read\f to\line \closein\f \line",
    "read of a link": r"\newread\f \openin\f=link.tex \read\f to\line \closein\f \line",
    "stream": r"\immediate\pdfobj stream file {SECRET}\pdfrefobj\pdflastobj x",
    "stream of a link": r"\immediate\pdfobj stream file {link.tex}\pdfrefobj\pdflastobj x",
    "dump": r"\message{\pdffiledump offset 0 length 30 {SECRET}}\pdffiledump offset 0 length 30 {SECRET}",
    "dump of a link": r"\message{\pdffiledump offset 0 length 30 {link.tex}}\pdffiledump offset 0 length 30 {link.tex}",
    "size": r"\message{size=\pdffilesize{SECRET}=}\ifnum0\pdffilesize{SECRET}>0 \message{LEAKED}\fi",
    "checksum": r"\edef\x{\pdfmdfivesum file {SECRET}}\ifx\x\empty\else\message{LEAKED}\fi",
    "date": r"\edef\x{\pdffilemoddate{SECRET}}\ifx\x\empty\else\message{LEAKED}\fi",
    "existence": r"\IfFileExists{SECRET}{\message{LEAKED}}{}",
    "picture": r"\includegraphics{link.pdf}",
    "attachment": r"\pdfextension obj stream file {SECRET}\special{pdf: fstream @x (SECRET)}",
    "line by line": r"\loop\ifnum0<1 \openin5=SECRET \read5 to\x \x \closein5 \fi\iffalse\repeat",
    "password file": r"\input{/etc/shadow}",
    "environment": r"\input{/proc/self/environ}",
    "environment of the parent": r"\input{/proc/PID/environ}",
    "upwards": r"\input{../../../../../../../../../../../../../../SECRET}",
    "pipe": r'\input{|"cat SECRET"}',
    "font": r"\font\x=SECRET\relax\pdfmapfile{SECRET}\x a",
    "catcodes": r"{\catcode`\%=12\catcode`\_=12\input SECRET }",
}
WRITES = {
    "write": r"\newwrite\f \immediate\openout\f=TARGET \immediate\write\f{spoilt}\immediate\closeout\f",
    "write to a link": r"\newwrite\f \immediate\openout\f=target \immediate\write\f{spoilt}\immediate\closeout\f",
    "write upwards": r"\newwrite\f \immediate\openout\f=../../../../../../../../TARGET \immediate\write\f{spoilt}",
    "file contents": "\\begin{filecontents*}[overwrite]{TARGET}\nspoilt\n\\end{filecontents*}",
    "file contents to a link": "\\begin{filecontents*}[overwrite]{target.tex}\nspoilt\n\\end{filecontents*}",
    "shell": r"\immediate\write18{echo spoilt > TARGET}",
    "shell by pipe": r'\input{|"echo spoilt > TARGET"}',
    "page data": r"\pdfcompresslevel0 \immediate\write-1{\immediate\write18{touch TARGET}}",
    "bibliography program": r"\immediate\write18{bibtex -terse TARGET; rm TARGET}",
    "configuration": r"\newwrite\f \immediate\openout\f=texmf.cnf \immediate\write\f{shell_escape=t}"
    r"\immediate\closeout\f \immediate\write18{echo spoilt > TARGET}",
}
ENDLESS = {
    "loop": r"\def\x{\x}\x",
    "recursion": r"\def\x{\x a}\x",
    "growth": r"\edef\x{aaaaaaaaaa}\loop\edef\x{\x\x}\iftrue\repeat",
    "pages": r"\loop x\newpage\iftrue\repeat",
    "file": r"\newwrite\f \immediate\openout\f=big \loop\immediate\write\f{aaaaaaaaaaaaaaaaaaaaaaa}\iftrue\repeat",
    "messages": r"\loop\message{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}\iftrue\repeat",
    "waiting": r"\newread\f \openin\f=pipe \read\f to\x",
    "terminal": r"\batchmode\read-1 to\x \read16 to\y",
}
