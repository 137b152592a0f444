// The one binary `cafka`: server and command-line tool.
#include <cstdio>

int main() { std::puts("cafka " CAFKA_VERSION); }
