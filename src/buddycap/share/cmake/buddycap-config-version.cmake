# For find_package(buddycap 0.1): any version from that one on. The number is that of the pkg-config file.
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/../pkgconfig/buddycap.pc" PACKAGE_VERSION REGEX "^Version: ")
string(REPLACE "Version: " "" PACKAGE_VERSION "${PACKAGE_VERSION}")
if(NOT PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION)
    set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
if(PACKAGE_VERSION VERSION_EQUAL PACKAGE_FIND_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
endif()
