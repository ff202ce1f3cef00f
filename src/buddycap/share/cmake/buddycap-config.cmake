# find_package(buddycap) with CMAKE_PREFIX_PATH from `buddycap embed --cmake`; link buddycap::buddycap or buddycap::static.
get_filename_component(_buddycap "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
if(NOT TARGET buddycap::buddycap)
    add_library(buddycap::buddycap SHARED IMPORTED)
    set_target_properties(buddycap::buddycap PROPERTIES
        IMPORTED_LOCATION "${_buddycap}/lib/libbuddycap.so"
        INTERFACE_INCLUDE_DIRECTORIES "${_buddycap}/include")
    add_library(buddycap::static STATIC IMPORTED)
    set_target_properties(buddycap::static PROPERTIES
        IMPORTED_LOCATION "${_buddycap}/lib/libbuddycap.a"
        INTERFACE_LINK_OPTIONS "-Wl,--exclude-libs,libbuddycap.a"
        INTERFACE_INCLUDE_DIRECTORIES "${_buddycap}/include")
endif()
unset(_buddycap)
