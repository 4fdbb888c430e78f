# What goes onto a machine beside the binary: pages, completions as the binary prints them, schemas.
include(GNUInstallDirs)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN "*.1")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/schema/ DESTINATION ${CMAKE_INSTALL_DATADIR}/kanshiki/schema
	FILES_MATCHING PATTERN "*.json")
function(kan_completion shell place name)
	set(file ${PROJECT_BINARY_DIR}/completion/${shell}/${name})
	add_custom_command(OUTPUT ${file} COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/completion/${shell}
		COMMAND kanshiki completion ${shell} > ${file} DEPENDS kanshiki VERBATIM)
	add_custom_target(completion_${shell} ALL DEPENDS ${file})
	install(FILES ${file} DESTINATION ${CMAKE_INSTALL_DATADIR}/${place})
endfunction()
# A binary with a fuzzer's coverage is not installed.
if(KAN_FUZZ)
	return()
endif()
kan_completion(bash bash-completion/completions kanshiki)
kan_completion(zsh zsh/site-functions _kanshiki)
kan_completion(fish fish/vendor_completions.d kanshiki.fish)
