# SPDX-License-Identifier: Apache-2.0
# The verifier as a library of others: "cmake --install BUILD --component library", then find_package(blindbox).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(folders base yaml evidence endorsements policy verifier)
set(targets ${folders})
list(TRANSFORM targets PREPEND blindbox_)
foreach(folder ${folders})
  set_target_properties(blindbox_${folder} PROPERTIES EXPORT_NAME ${folder})
endforeach()
install(TARGETS ${targets} EXPORT blindbox
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/blindbox)
install(EXPORT blindbox NAMESPACE blindbox:: DESTINATION ${package} COMPONENT library)
configure_package_config_file(cmake/blindbox-config.cmake.in ${CMAKE_BINARY_DIR}/blindbox-config.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/blindbox-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/blindbox-config.cmake ${CMAKE_BINARY_DIR}/blindbox-config-version.cmake
  DESTINATION ${package} COMPONENT library)
