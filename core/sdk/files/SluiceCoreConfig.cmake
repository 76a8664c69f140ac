# find_package(SluiceCore @MAJOR@.@MINOR@ REQUIRED)
# target_link_libraries(my_program PRIVATE SluiceCore::SluiceCore)
include(CMakeFindDependencyMacro)
find_dependency(Threads)
get_filename_component(_sluice_core_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET SluiceCore::SluiceCore)
  add_library(SluiceCore::SluiceCore STATIC IMPORTED)
  set_target_properties(SluiceCore::SluiceCore PROPERTIES
    IMPORTED_LOCATION "${_sluice_core_prefix}/lib/libsluice_core.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_sluice_core_prefix}/include/sluice"
    INTERFACE_COMPILE_FEATURES cxx_std_20
    INTERFACE_LINK_LIBRARIES "@FLAGS_CMAKE@;Threads::Threads")
endif()
unset(_sluice_core_prefix)
