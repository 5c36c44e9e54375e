// The client library asks for this module without declaring it, and uses it for
// cookies of browsers only. The real one would bring 35 MB.
exports.getAuthCookieName = () => {
  throw new Error('there are no cookies outside of browsers');
};
