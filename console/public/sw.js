/** Shows notices as notifications of the device (Web Push). It keeps nothing and answers no requests. */
self.addEventListener("push", (event) => {
  const { title = "Relance", body = "", url, tag } = event.data ? event.data.json() : {};
  event.waitUntil(self.registration.showNotification(title, { body, icon: "/console/favicon.svg", tag, data: { url: url || "/inbox" } }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(self.clients.openWindow(event.notification.data.url));
});
