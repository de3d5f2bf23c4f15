// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What User Mode Linux 6.1 needs of its host, preloaded into linux.uml (LD_PRELOAD).
//
// ptrace(): lets it run on processors with AMX. UML keeps 2,696 bytes of a process's extended
// registers, and the host's kernel refuses to set fewer bytes than it has (11,008 with AMX):
// "ptrace set fp regs failed, errno = 14". Such a request is completed with the bytes the process
// has beyond those: UML's processes never use AMX, so they are the initial state.
//
// socket(): gives its packet sockets room. The default of 208 KB holds 8 ms of 30,000 packets/s,
// and UML is an ordinary process that waits longer than that for a busy processor.
#include <dlfcn.h>
#include <elf.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstring>

namespace {

using Ptrace = long (*)(__ptrace_request, pid_t, void*, void*);

// UML calls from one thread, on small stacks of its own: no large locals here.
constexpr std::size_t largest_state = 64 << 10;
alignas(64) std::array<std::byte, largest_state> state;

Ptrace next_ptrace() {
    static const auto found = reinterpret_cast<Ptrace>(::dlsym(RTLD_NEXT, "ptrace"));
    return found;
}

constexpr int packet_buffer = 16 << 20;

long set_whole_state(pid_t pid, void* kind, const iovec& part) {
    iovec whole{.iov_base = state.data(), .iov_len = state.size()};
    if (next_ptrace()(PTRACE_GETREGSET, pid, kind, &whole) < 0)
        return -1;
    if (part.iov_len >= whole.iov_len) {
        errno = EFAULT;  // not for want of bytes
        return -1;
    }
    std::memcpy(state.data(), part.iov_base, part.iov_len);
    return next_ptrace()(PTRACE_SETREGSET, pid, kind, &whole);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) long ptrace(__ptrace_request request, ...) {
    std::va_list arguments;
    va_start(arguments, request);
    const auto pid = va_arg(arguments, pid_t);
    auto* address = va_arg(arguments, void*);
    auto* data = va_arg(arguments, void*);
    va_end(arguments);

    const long result = next_ptrace()(request, pid, address, data);
    const bool is_extended_state =
        request == PTRACE_SETREGSET && reinterpret_cast<std::size_t>(address) == NT_X86_XSTATE;
    if (result < 0 && errno == EFAULT && is_extended_state)
        return set_whole_state(pid, address, *static_cast<const iovec*>(data));
    return result;
}

extern "C" __attribute__((visibility("default"))) int socket(int domain, int type,
                                                             int protocol) noexcept {
    static const auto next = reinterpret_cast<int (*)(int, int, int)>(::dlsym(RTLD_NEXT, "socket"));
    const int descriptor = next(domain, type, protocol);
    if (descriptor >= 0 && domain == AF_PACKET) {
        ::setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &packet_buffer, sizeof packet_buffer);
        ::setsockopt(descriptor, SOL_SOCKET, SO_SNDBUFFORCE, &packet_buffer, sizeof packet_buffer);
    }
    return descriptor;
}
