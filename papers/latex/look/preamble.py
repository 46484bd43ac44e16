"""The look of the paper, as LaTeX: only what a small TeX distribution has; what is finer is used where it is found."""

from __future__ import annotations

_LOOK = r"""
\IfFileExists{microtype.sty}{\usepackage{microtype}}{}
\makeatletter
% Sections
\IfFileExists{titlesec.sty}{%
  \usepackage{titlesec}
  \titleformat{\section}{\normalfont\large\bfseries}{\thesection}{0.7em}{}
  \titlespacing*{\section}{0pt}{2.6ex plus .6ex minus .3ex}{1.1ex plus .2ex}
}{}
% Paragraphs
\setlength{\emergencystretch}{3em}
\clubpenalty=10000 \widowpenalty=10000 \displaywidowpenalty=10000
\raggedbottom
\IfFileExists{enumitem.sty}{\usepackage{enumitem}\setlist{topsep=4pt,itemsep=2pt,parsep=0pt}}{}
% Floats
\renewcommand{\topfraction}{.85}
\renewcommand{\bottomfraction}{.6}
\renewcommand{\textfraction}{.1}
\renewcommand{\floatpagefraction}{.75}
\setcounter{topnumber}{3}
\setlength{\@fptop}{0pt}\setlength{\@fpsep}{16pt}\setlength{\@fpbot}{0pt plus 1fil}
\setlength{\textfloatsep}{16pt plus 4pt minus 4pt}
\setlength{\floatsep}{14pt plus 4pt minus 4pt}
\setlength{\intextsep}{14pt plus 4pt minus 4pt}
\setlength{\abovecaptionskip}{7pt}
\setlength{\belowcaptionskip}{0pt}
\renewcommand{\@makecaption}[2]{%
  \vskip\abovecaptionskip
  \sbox\@tempboxa{\small\textbf{#1.} #2}%
  \ifdim\wd\@tempboxa>\hsize {\small\textbf{#1.} #2\par}%
  \else \global\@minipagefalse \hb@xt@\hsize{\hfil\box\@tempboxa\hfil}\fi
  \vskip\belowcaptionskip}
\makeatother
"""
_COMMANDS = r"""
\makeatletter
\newcommand{\captionabove}{\setlength{\abovecaptionskip}{0pt}\setlength{\belowcaptionskip}{6pt}}
% A caption outside of a float, and the room that it needs with what follows
\newcommand{\tablecaption}[1]{\vskip10pt\def\@captype{table}\caption{#1}}
% (a penalty first: lines beyond the page's end go to the next one before it is measured)
\newcommand{\needroom}[1]{\par\penalty\z@\begingroup\dimen@\pagegoal\advance\dimen@-\pagetotal
  \ifdim\pagetotal>0pt\ifdim\dimen@<#1\relax\break\fi\fi\endgroup}
% Pictures at their own size, at most as wide as the text
\newsavebox{\picturebox}
\newcommand{\fitgraphic}[1]{\sbox{\picturebox}{\includegraphics{#1}}%
  \ifdim\wd\picturebox>\linewidth\includegraphics[width=\linewidth]{#1}\else\usebox{\picturebox}\fi}
% A picture with its words for who cannot see it, in hexadecimal digits
\newcommand{\drawing}[2]{\leavevmode\pdfliteral page{/Span<</Alt<#2>>>BDC}\fitgraphic{#1}\pdfliteral page{EMC}}
% Listings: number, sign and text of a line
\newcounter{codelisting}
\newcommand{\listingcaption}[2]{\needroom{8\baselineskip}\addvspace{10pt}\noindent\begingroup
  \refstepcounter{codelisting}\label{#2}\small\textbf{Listing \thecodelisting.} #1\par\endgroup
  \nopagebreak\vskip4pt\nopagebreak}
\newcommand{\codeline}[3]{\par\noindent\hangindent4.6em\makebox[2.2em][r]{\color{gray}#1}\hskip.7em
  \makebox[1em][c]{\textbf{#2}}\hskip.4em\relax#3}
% Rules of tables
% (the empty box keeps the skip below a rule where a long table goes on to the next page)
\newcommand{\tablerule}[3]{\noalign{\vskip#1\hrule height#2\vskip#3\hbox{}}}
\providecommand{\toprule}{\tablerule{0pt}{.08em}{.55ex}}
\providecommand{\midrule}{\tablerule{.35ex}{.05em}{.6ex}}
\providecommand{\bottomrule}{\tablerule{.4ex}{.08em}{0pt}}
\setlength{\tabcolsep}{5pt}
\renewcommand{\arraystretch}{1.12}
% As much space as the second number is wider than the first
\newcommand{\numpad}[2]{\sbox\z@{#1}\sbox\tw@{#2}\ifdim\wd\tw@>\wd\z@\kern\dimexpr\wd\tw@-\wd\z@\relax\fi}
\newcolumntype{L}{>{\raggedright\arraybackslash}X}
\newcolumntype{P}[1]{>{\raggedright\arraybackslash}p{#1}}
\newcolumntype{Q}[1]{>{\raggedleft\arraybackslash}p{#1}}
\newcolumntype{C}[1]{>{\centering\arraybackslash}p{#1}}
\setlength{\LTpre}{6pt}
\setlength{\LTpost}{10pt}
% A long table forgets the floats above and below it, and the next float would run off the page
\AddToHook{env/longtable/after}{\global\@colroom\vsize}
% What a model says beyond the evidence: indented between rules, under a heading of its own
\newenvironment{reading}[1]{\par\addvspace{8pt}\noindent\rule{\linewidth}{.04em}\par\nopagebreak
  \begin{list}{}{\leftmargin1.2em\rightmargin1.2em\topsep2pt}\item[]\small
  \textsf{\textbf{A reading by #1; not verified.}}\enspace\itshape\ignorespaces}%
  {\end{list}\nopagebreak\noindent\rule{\linewidth}{.04em}\par\addvspace{8pt}}
% Words
\definecolor{evidence}{RGB}{24,58,110}
\hypersetup{colorlinks=true,allcolors=evidence,bookmarksnumbered=true,bookmarksopen=true,
  pdflang={en},pdfdisplaydoctitle=true}
\DeclareRobustCommand{\code}[1]{{\ttfamily\small #1}}
\DeclareRobustCommand{\fact}[2]{\hyperlink{#1}{#2}}
\newcommand{\factrow}[1]{\raisebox{1.2\baselineskip}[0pt][0pt]{\hypertarget{#1}{}}}
\newcommand{\tofu}{{\fboxsep1pt\framebox[.6em]{\rule{0pt}{.9ex}}}}
\newcommand{\sealed}[4]{{\renewcommand{\thefootnote}{}\footnotetext{\raggedright\scriptsize SHA-256 of the ledger up to
  its link #1: {\ttfamily #2}\newline of evidence.json: {\ttfamily #3}\newline of the figures: {\ttfamily #4}}}}
\providecommand{\keywords}[1]{\par\vskip.5em\noindent\textbf{Keywords.}\ #1}
\makeatother
% The same manuscript makes the same file
\pdfinfoomitdate=1 \pdfsuppressptexinfo=-1 \pdftrailerid{}
\pdfsuppresswarningpagegroup=1
"""
_FRAME = r"""
\makeatletter
% References
\renewcommand{\refname}{References}
\renewcommand{\@biblabel}[1]{[#1]}
\let\listbibliography\thebibliography
\renewcommand{\thebibliography}[1]{\listbibliography{#1}\small\raggedright
  \setlength{\itemsep}{3pt plus 1pt}\setlength{\parsep}{0pt}}
% The title
\newcommand{\papertitle}[3]{%
  \begin{center}
    {\LARGE\bfseries\raggedright\centering #1\par}
    \vskip 1.1em
    {\large #2\par}
    \vskip .45em
    \parbox{.82\linewidth}{\centering\small\itshape #3}
  \end{center}
  \vskip .6em\suppressfloats[t]}
\renewenvironment{abstract}{%
  \begin{list}{}{\leftmargin2.2em\rightmargin\leftmargin\listparindent1em\itemindent0pt\parsep0pt}\item[]\small
  \textbf{Abstract.}\ \ignorespaces}{\end{list}\vskip .4em}
\makeatother
"""
PREAMBLE = _LOOK + _COMMANDS + _FRAME
# With a venue's own look
VENUE = (
    _COMMANDS
    + r"""
\makeatletter
\newif\ifvenuebst
\IfFileExists{paper.bbl}{\venuebsttrue}{\@ifpackageloaded{natbib}{\setcitestyle{numbers,square}}{}}
\newcommand{\wideappendix}{\if@twocolumn\onecolumn\fi}
\makeatother
"""
)
# References by BibTeX, where an engine has it: the first pass asks for them, and later ones have them
BST = r"""
\makeatletter
\bibliographystyle{STYLE}
\ifvenuebst \@ifpackageloaded{natbib}{\AtBeginDocument{\let\cite\citep}}{}
\else \AtBeginDocument{\if@filesw\immediate\write\@auxout{\string\bibdata{cited}}\fi}\fi
\makeatother
"""
