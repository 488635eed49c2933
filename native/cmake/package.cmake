# Installs headers, library and the files that find_package(fusor) reads. The component `cmake` is those files alone: with
# native/ as the prefix it makes this folder one that find_package(fusor) accepts, as the prebuilt packages are.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_LIBDIR lib CACHE PATH "Where the library goes, below the prefix")
include(GNUInstallDirs)
set(config ${CMAKE_INSTALL_LIBDIR}/cmake/fusor)
install(TARGETS fusor EXPORT fusorTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
  RUNTIME DESTINATION ${CMAKE_INSTALL_LIBDIR} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
if(WIN32)
  install(FILES ${FUSOR_OUTPUT_DIRECTORY}/fusor.lib DESTINATION ${CMAKE_INSTALL_LIBDIR})
endif()
install(DIRECTORY include/fusor DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT fusorTargets NAMESPACE fusor:: DESTINATION ${config} COMPONENT cmake)
configure_package_config_file(cmake/fusorConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/fusorConfig.cmake
  INSTALL_DESTINATION ${config})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/fusorConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/fusorConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/fusorConfigVersion.cmake
  DESTINATION ${config} COMPONENT cmake)
