// fusor.node takes the functions of Node-API from "node.exe", as all addons on Windows do, and takes them at
// the first call rather than at load: then this hook can answer for programs of another name, such as
// Electron's or a copy of node.exe.
#include <windows.h>

#include <delayimp.h>

namespace {

// The program itself, unless its functions are in a library of their own (NW.js).
HMODULE host() {
  const HMODULE library = GetModuleHandleW(L"node.dll");
  return library ? library : GetModuleHandleW(nullptr);
}

FARPROC WINAPI find_host(unsigned notice, PDelayLoadInfo info) {
  if (notice != dliNotePreLoadLibrary || lstrcmpiA(info->szDll, "node.exe") != 0) return nullptr;
  return reinterpret_cast<FARPROC>(host());
}

}  // namespace

// Read by the C library's helper for imports that are delayed.
PfnDliHook __pfnDliNotifyHook2 = find_host;
