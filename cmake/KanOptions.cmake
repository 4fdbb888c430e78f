# Flags of every target of ours: one interface library, nothing global.
add_library(kan_options INTERFACE)
target_compile_features(kan_options INTERFACE c_std_11)
target_compile_definitions(kan_options INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_include_directories(kan_options INTERFACE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_compile_options(kan_options INTERFACE
	-std=gnu11 -fno-common -fstack-protector-strong -fno-strict-aliasing
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wvla
	-Wformat=2 -Werror=format-nonliteral -Wwrite-strings -Wpointer-arith -Wundef -Wcast-qual
	-Wimplicit-fallthrough -Wno-missing-field-initializers -Wno-unused-result)
if(KAN_WERROR)
	target_compile_options(kan_options INTERFACE -Werror)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
	target_compile_definitions(kan_options INTERFACE _FORTIFY_SOURCE=2)
endif()
if(KAN_SANITIZE)
	target_compile_options(kan_options INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=undefined
		-fno-omit-frame-pointer)
	target_link_options(kan_options INTERFACE -fsanitize=address,undefined)
	target_compile_definitions(kan_options INTERFACE KAN_SANITIZED=1)
endif()
if(KAN_FUZZ)
	target_compile_options(kan_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# kan_room(name SOURCES ... ROOMS ... LIBS ...): a room is a static library; ROOMS are its arrows.
function(kan_room name)
	cmake_parse_arguments(R "" "" "SOURCES;ROOMS;LIBS" ${ARGN})
	add_library(kan_${name} STATIC ${R_SOURCES})
	target_link_libraries(kan_${name} PUBLIC kan_options)
	foreach(room ${R_ROOMS})
		target_link_libraries(kan_${name} PUBLIC kan_${room})
	endforeach()
	target_link_libraries(kan_${name} PRIVATE ${R_LIBS})
endfunction()
