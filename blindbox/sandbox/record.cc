// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/internal/record.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>

namespace blindbox::sandbox::internal {
namespace {

constexpr std::size_t kMessageCap = 4096;
constexpr char kSeparator = '\0';

std::string cut(const std::string& text) {
  std::string out = text.substr(0, 900);
  std::erase(out, kSeparator);
  return out;
}

// Fields with a separator behind each; which ones depends on the kind.
std::vector<std::string> fields_of(const Message& message) {
  switch (message.kind) {
    case Message::Kind::step:
      return {message.step.name, std::to_string(static_cast<int>(message.step.outcome)), message.step.detail};
    case Message::Kind::error:
      return {std::to_string(static_cast<int>(message.error.kind)), message.error.what, message.error.detail,
              message.error.hint};
    default: return {message.text};
  }
}

void fill(Message& message, const std::vector<std::string>& fields) {
  const auto number = [&](std::size_t at) { return std::atoi(fields[at].c_str()); };
  if (message.kind == Message::Kind::step && fields.size() == 3) {
    message.step = {fields[0], static_cast<Outcome>(number(1)), fields[2]};
  } else if (message.kind == Message::Kind::error && fields.size() == 4) {
    message.error = {static_cast<ErrorKind>(number(0)), fields[1], fields[2], fields[3]};
  } else if (!fields.empty()) {
    message.text = fields[0];
  }
}

}  // namespace

std::string failed(std::string_view call, int error) {
  std::string why = ::strerror(error);
  if (!why.empty()) why[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(why[0])));
  return std::string(call) + ": " + why;
}

bool send(int socket, const Message& message, int descriptor) {
  std::string bytes(1, static_cast<char>(message.kind));
  for (const std::string& field : fields_of(message)) bytes += cut(field) + kSeparator;
  iovec piece{bytes.data(), bytes.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (descriptor >= 0) {
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  }
  return ::sendmsg(socket, &header, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

std::optional<Message> receive(int socket) {
  std::array<char, kMessageCap> buffer{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  iovec piece{buffer.data(), buffer.size()};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return std::nullopt;
  Message message;
  message.kind = static_cast<Message::Kind>(buffer[0]);
  std::vector<std::string> fields;
  std::string_view rest(buffer.data() + 1, static_cast<std::size_t>(got) - 1);
  for (auto end = rest.find(kSeparator); end != std::string_view::npos; end = rest.find(kSeparator)) {
    fields.emplace_back(rest.substr(0, end));
    rest.remove_prefix(end + 1);
  }
  fill(message, fields);
  if (const cmsghdr* rights = CMSG_FIRSTHDR(&header); rights != nullptr && rights->cmsg_type == SCM_RIGHTS) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(rights), sizeof descriptor);
    message.descriptor = base::Fd(descriptor);
  }
  return message;
}

void Record::add(std::string_view name, Outcome outcome, std::string detail) {
  steps_.push_back({std::string(name), outcome, std::move(detail)});
  Message message;
  message.step = steps_.back();
  (void)send(socket_, message);
}

void Record::settle(std::string_view name, const std::string& why_not, std::string detail) {
  if (why_not.empty()) return granted(name, std::move(detail));
  denied(name, why_not);
}

void Record::abandon(const Error& error) const {
  Message message;
  message.kind = Message::Kind::error;
  message.error = error;
  (void)send(socket_, message);
  ::_exit(127);
}

}  // namespace blindbox::sandbox::internal
