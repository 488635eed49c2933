// tinyglobby's declarations lead to fdir's, and those to picomatch's, which come in a package of their own
// (@types/picomatch) that neither depends on. Nothing here uses them.
declare module 'picomatch';
