// A preview is made when its link is pointed at or reached: to make all of them while the
// page arrives would hold up a phone for a third of a second.
{
  const make = window.tippy;
  window.tippy = (link, how) => {
    const show = () => link._tippy ?? make(link, { ...how, showOnCreate: true });
    for (const asked of ["pointerenter", "focus"]) link.addEventListener(asked, show, { once: true });
  };
}
