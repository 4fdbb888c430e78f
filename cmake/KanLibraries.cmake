# Third-party libraries, each linked by the one room that may use it.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
foreach(lib libarchive libgit2 libcrypto jansson libcurl libmnl libnftnl libseccomp libcap zlib libpcre2-8
	libqrencode)
	pkg_check_modules(${lib} REQUIRED IMPORTED_TARGET ${lib})
endforeach()
# Optional: report and show then refuse --yara.
if(KAN_YARA)
	pkg_check_modules(yara IMPORTED_TARGET yara>=4.2)
endif()
