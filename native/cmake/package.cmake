# Installs headers, library and the files that find_package(fusor) reads.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
install(TARGETS fusor EXPORT fusorTargets LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/fusor DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT fusorTargets NAMESPACE fusor:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fusor)
configure_package_config_file(cmake/fusorConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/fusorConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fusor)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/fusorConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/fusorConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/fusorConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/fusor)
