# The workbook's whole interface. Every target is one line over `python -m checkpoints`, which reads
# the variables below from its environment: make exports what is set on its command line.
# GNU make 3.81 (macOS) has to do, so nothing newer is used.

## For students (NN is 01 to 08):
##   make lesson-NN    start your server of lesson NN     FROM=checkpoint|mistake:NAME  PORT=number
##                     from lesson 06 on also on Postgres  DB=postgres
##                     from lesson 07 on in one of three modes  AUTH_MODE=bearer|cookie|bff
##   make check-NN     see what works and what does not   SUBMISSION=folder  FORCE=1  JSON=1  SEED=number
##   make watch-NN     the same again after each save
##   make hint-NN      show the next hint for what failed
##   make diff-NN      show what lesson NN adds to the code of the lesson before
##   make mine-NN      show how your code differs from the checkpoint
##   make start-NN     begin lesson NN   FROM=mine: on your own code of the lesson before
##   make reset-NN     begin lesson NN again; your work is kept aside
##   make measure-NN   take the figures that the lesson asks for (03, 05)
##   make proxy-NN     put nginx in front of the lesson's running server   PORT=number
##   make attack-NN    attack your running server, and see what gets through (06)   URL=address
##   make rows-NN      show what lesson NN's database holds
##   make postgres     run a Postgres on this machine, for lesson 06 and later
##   make progress     show which lessons you have passed
##   make doctor       look for what could be wrong with this machine
##
## For instructors:
##   make grade-NN     grade lesson NN for a folder of clones   CLASS=folder  CSV=1  JSON=1
##
## For authors:
##   make test         run all tests of the workbook itself
##   make test-quick   run the tests that need neither a browser nor a lesson's server
##   make lint         check style and types
##   make bench        measure the server and the checks   ONLY=server|store|sessions|postgres|commands  WITHOUT=lever
##   make generate     write the starters in lessons/ anew
##   make record       record lesson 1's conversation anew, from checkpoint 3
##   make pictures     take the pictures in the texts anew
##   make lock         pin the packages anew   UPGRADE=1 takes the newest versions
##   make help         show this list

PYTHON ?= python3

# -ES: a broken PYTHONHOME must not stop us before we can speak, and site-packages need no reading.
WORKBOOK = @command -v $(firstword $(PYTHON)) >/dev/null || { \
	echo "There is no $(firstword $(PYTHON)) on this machine. Install Python 3.11 or newer," \
	"or name yours: make $@ PYTHON=/path/to/python" >&2; exit 2; }; \
	exec $(PYTHON) -ES checkpoints/bootstrap.py

numbers := 01 02 03 04 05 06 07 08
verbs := lesson check watch hint diff mine start reset measure proxy attack rows grade
singles := progress doctor postgres test test-quick lint bench generate record pictures lock help
each = $(addprefix $(1)-,$(numbers))

.SUFFIXES:
.PHONY: $(singles) $(foreach verb,$(verbs),$(call each,$(verb)))

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

$(call each,lesson): lesson-%:
	$(WORKBOOK) run -- lesson $*

$(call each,check): check-%:
	$(WORKBOOK) run -- check $*

$(call each,watch): watch-%:
	$(WORKBOOK) run -- watch $*

$(call each,hint): hint-%:
	$(WORKBOOK) run -- hint $*

$(call each,diff): diff-%:
	$(WORKBOOK) run -- diff $*

$(call each,mine): mine-%:
	$(WORKBOOK) run -- mine $*

$(call each,start): start-%:
	$(WORKBOOK) run -- start $*

$(call each,reset): reset-%:
	$(WORKBOOK) run -- reset $*

$(call each,rows): rows-%:
	$(WORKBOOK) run -- rows $*

$(call each,measure): measure-%:
	$(WORKBOOK) run -- measure $*

$(call each,proxy): proxy-%:
	$(WORKBOOK) run -- proxy $*

$(call each,attack): attack-%:
	$(WORKBOOK) run -- attack $*

$(call each,grade): grade-%:
	$(WORKBOOK) run -- grade $*

progress doctor postgres generate record:
	$(WORKBOOK) run -- $@

test:
	$(WORKBOOK) test -- test

test-quick lint bench pictures:
	$(WORKBOOK) author -- $@

lock:
	$(WORKBOOK) lock

# A wrong name gets the right one. The folders are named because make takes a folder that is there for
# a target that is already made.
.PHONY: lessons checkpoints shared tests
verb = $(firstword $(foreach verb,$(verbs),$(if $(findstring $(verb),$@),$(verb))))
number = $(firstword $(foreach number,$(numbers),$(if $(findstring $(number:0%=%),$@),$(number))) 02)
near-miss = $(error There is no target "$@". $(if $(verb),Write for example: make $(verb)-$(number) \
	(the lessons are 01 to 08, with two digits),Type make alone to see them all))

lessons checkpoints shared tests:
	$(near-miss)

.DEFAULT:
	$(near-miss)
