// What the extension uses of the front end's: events, and addresses.
class Api extends EventTarget {
  apiURL(path) {
    return path;
  }
}

export const api = (window.api = new Api());
