# The server, its configuration, and the client library as a CMake package: find_package(cafka), target cafka::client.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS cafka RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY config/ DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/cafka OPTIONAL)

install(TARGETS base storage asio native_proto client EXPORT cafka ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(folder base storage client)
  install(DIRECTORY src/${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cafka FILES_MATCHING PATTERN "*.hpp"
          PATTERN internal EXCLUDE)
endforeach()
set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/cafka)
install(EXPORT cafka NAMESPACE cafka:: FILE targets.cmake DESTINATION ${package_directory})
configure_package_config_file(cmake/cafka-config.cmake.in ${PROJECT_BINARY_DIR}/cafka-config.cmake INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cafka-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cafka-config.cmake ${PROJECT_BINARY_DIR}/cafka-config-version.cmake DESTINATION ${package_directory})
