# A registry: a list file, one word a line, becomes <out>.h with one X(c_name) a line.
# One file and one line add a module.
function(kan_registry list out words)
	set_property(DIRECTORY ${PROJECT_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${list})
	file(STRINGS ${list} lines REGEX "^[a-z]")
	set(text "/* Made from the list; do not edit. */\n")
	foreach(word ${lines})
		string(REPLACE "-" "_" c ${word})
		string(APPEND text "X(${c})\n")
	endforeach()
	file(CONFIGURE OUTPUT ${out} CONTENT "${text}" @ONLY)
	set(${words} ${lines} PARENT_SCOPE)
endfunction()
