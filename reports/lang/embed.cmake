# cmake -DOUT=file.c -DIN=ja.json -P embed.cmake: a catalogue as bytes.
file(READ ${IN} hex HEX)
string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
file(WRITE ${OUT} "/* Made from the catalogue; do not edit. */\n#include \"reports/lang.h\"\n\n"
	"const unsigned char kan_lang_ja[] = {\n${hex}};\nconst size_t kan_lang_ja_size = sizeof kan_lang_ja;\n")
