/* Linked as Microsoft's compilers do it, by fusor.lib. Nothing of Visual Studio is there, so what is needed
 * is declared here. Exits with 42 if the library answers. */
__declspec(dllimport) const char* fusor_version(void);
__declspec(dllimport) int fusor_device_count(void);
__declspec(dllimport) int fusor_environment_create(void** environment);
__declspec(dllimport) void fusor_environment_destroy(void* environment);
__declspec(dllimport) void ExitProcess(unsigned code);

int start(void) {
  void* environment = 0;
  if (fusor_version()[0] == 0 || fusor_environment_create(&environment) != 0) ExitProcess(1);
  fusor_environment_destroy(environment);
  ExitProcess(fusor_device_count() >= 1 ? 42 : 2);
  return 0;
}
